"""Which processes train together, as the environment of this one says it."""

from __future__ import annotations

import os
from typing import TypeAlias

import tensorflow as tf

from tfseg import checks

Resolver: TypeAlias = tf.distribute.cluster_resolver.ClusterResolver
# Jobs of one node must not meet on a port: each gets sixteen of them by its number.
_FIRST_PORT, _PORTS_OF_A_JOB, _JOBS = 12000, 16, 1000


def resolver() -> Resolver | None:
    """Returns what TF_CONFIG, or else Slurm, says of the processes; None for a process alone.

    Raises:
        InputError: TF_CONFIG cannot be read, or has processes that do not train.
    """
    if os.environ.get("TF_CONFIG"):
        found = _of_tf_config()
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in os.environ:
        found = _of_slurm()
    else:
        return None
    return found if num_workers(found) > 1 else None


def num_workers(found: Resolver | None) -> int:
    """Returns how many processes train together."""
    if found is None:
        return 1
    spec = found.cluster_spec()
    return sum(spec.num_tasks(job) for job in spec.jobs)


def is_chief(found: Resolver | None) -> bool:
    """Returns whether this process is the one that writes: the chief, or else the first worker."""
    if found is None or num_workers(found) == 1:
        return True
    first = "chief" if "chief" in found.cluster_spec().jobs else "worker"
    return (found.task_type, found.task_id) == (first, 0)


def _of_tf_config() -> Resolver:
    value, example = os.environ["TF_CONFIG"], '{"cluster": {"worker": ["host:port", ...]}, "task": '
    try:
        found = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        jobs = found.cluster_spec().as_dict()
        own = jobs[found.task_type][found.task_id] if jobs else ""
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise checks.InputError(
            f"TF_CONFIG must be JSON such as {example}"
            f'{{"type": "worker", "index": 0}}}}; got {value!r} ({error!r}).'
        ) from error
    if others := sorted(set(jobs) - {"chief", "worker"}):
        raise checks.InputError(
            f"TF_CONFIG may have the jobs chief and worker; got {', '.join(others)} too ({own}). "
            "Leave them out: there are no parameter servers here, and the chief evaluates."
        )
    return found


def _of_slurm() -> Resolver:
    """Returns the tasks of this job step, with the GPUs that this one sees."""
    job = int(os.environ.get("SLURM_JOB_ID", "0"))
    slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=_FIRST_PORT + job % _JOBS * _PORTS_OF_A_JOB,
        # Not its count of GPUs, which fails where there are none: Slurm has shared them out.
        gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    spec = slurm.cluster_spec()
    task_type, task_id = slurm.get_task_info()
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        spec,
        task_type=task_type,
        task_id=task_id,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
