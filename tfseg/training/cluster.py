"""The processes that train together, read from the environment."""

from __future__ import annotations

import os
from typing import TypeAlias

import tensorflow as tf

from tfseg import checks

Resolver: TypeAlias = tf.distribute.cluster_resolver.ClusterResolver
# Two jobs on a node must not use the same port: the number of a job selects its sixteen ports.
_FIRST_PORT, _PORTS_OF_A_JOB, _JOBS = 12000, 16, 1000


def find_resolver() -> Resolver | None:
    """Returns the processes named by TF_CONFIG, or else by Slurm; None for a single process.

    Raises:
        InputError: TF_CONFIG cannot be read, or has processes that do not train.
    """
    if os.environ.get("TF_CONFIG"):
        resolver = _tf_config_resolver()
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in os.environ:
        resolver = _slurm_resolver()
    else:
        return None
    return resolver if num_workers(resolver) > 1 else None


def num_workers(resolver: Resolver | None) -> int:
    """Returns how many processes train together."""
    if resolver is None:
        return 1
    spec = resolver.cluster_spec()
    return sum(spec.num_tasks(job) for job in spec.jobs)


def is_chief(resolver: Resolver | None) -> bool:
    """Returns whether this process writes the run: the chief, or the first worker without one."""
    if resolver is None or num_workers(resolver) == 1:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def _tf_config_resolver() -> Resolver:
    value, example = os.environ["TF_CONFIG"], '{"cluster": {"worker": ["host:port", ...]}, "task": '
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        jobs = resolver.cluster_spec().as_dict()
        address = jobs[resolver.task_type][resolver.task_id] if jobs else ""
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise checks.InputError(
            f"TF_CONFIG must be JSON such as {example}"
            f'{{"type": "worker", "index": 0}}}}; got {value!r} ({error!r}).'
        ) from error
    if others := sorted(set(jobs) - {"chief", "worker"}):
        raise checks.InputError(
            f"TF_CONFIG must only have the jobs chief and worker; got {', '.join(others)} too "
            f"({address}). Remove them: parameter servers are not supported, and the chief "
            "evaluates."
        )
    return resolver


def _slurm_resolver() -> Resolver:
    """Returns the tasks of this job step, with the GPUs that this task sees."""
    job = int(os.environ.get("SLURM_JOB_ID", "0"))
    slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=_FIRST_PORT + job % _JOBS * _PORTS_OF_A_JOB,
        # Not the resolver's count of GPUs, which fails without GPUs; Slurm has assigned them.
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
