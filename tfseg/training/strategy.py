"""Which devices a run is mirrored over."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfseg import checks, tf_errors
from tfseg.training import cluster


def make_strategy(devices: Sequence[str] = (), *, kind: str = "auto") -> tf.distribute.Strategy:
    """Returns a strategy over `devices`, or over every visible GPU, or on the CPU.

    Args:
        devices: of this process, such as GPU:0.
        kind: one of `config.STRATEGIES`, see `DeviceConfig.strategy`.

    Raises:
        InputError: a device that is not there, or `kind` does not go with them or with what the
            environment says of other processes.
    """
    if kind in ("auto", "multi_worker"):
        resolver = cluster.resolver()
        if resolver:
            return _over_workers(resolver, devices)
        if kind == "multi_worker":
            raise checks.InputError(
                "devices.strategy multi_worker needs TF_CONFIG with several workers, or srun with "
                "several tasks; there is neither. Give --launch 2, or see docs/several-hosts.md."
            )
    known = [device.name.removeprefix("/device:") for device in _logical_devices()]
    for device in devices:
        checks.one_of("devices.names", device, known)
    names = list(devices) or [name for name in known if name.startswith("GPU")] or ["CPU:0"]
    if kind == "one_device" and len(devices) > 1:
        raise checks.InputError(
            f"devices.strategy one_device takes one of devices.names; got {', '.join(devices)}."
        )
    if kind == "one_device" or len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    # Not the default all-reduce: its collective keys clash when a process makes a second strategy.
    return tf.distribute.MirroredStrategy(
        names, cross_device_ops=tf.distribute.HierarchicalCopyAllReduce()
    )


def _over_workers(resolver: cluster.Resolver, devices: Sequence[str]) -> tf.distribute.Strategy:
    if devices:
        raise checks.InputError(
            f"devices.names are those of one process alone; got {', '.join(devices)} with "
            f"{cluster.num_workers(resolver)} workers. Set CUDA_VISIBLE_DEVICES of each instead."
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        if not tf_errors.is_too_late_for_workers(str(error)):
            raise
        raise checks.InputError(
            "Several workers find each other before TensorFlow runs its first operation. Call "
            "Trainer.fit first of all in the process, or set devices.strategy to mirrored."
        ) from error


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Refuses a global batch that cannot be shared out evenly.

    Raises:
        InputError: some replica would get fewer samples than another.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise checks.InputError(
            f"train.batch_size must be a multiple of the {replicas} replicas; got {batch_size}. "
            f"Take {-(-batch_size // replicas) * replicas}."
        )


def check_jit_compile(jit_compile: bool, strategy: tf.distribute.Strategy) -> None:
    """Refuses XLA where it cannot hold the all-reduce of synchronised batch normalisation.

    Raises:
        InputError: it is asked for on several replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if jit_compile and replicas > 1:
        raise checks.InputError(
            f"devices.jit_compile works on one device; got {replicas} replicas. Leave it out, or "
            "set devices.strategy to one_device."
        )


def _logical_devices() -> list[tf.config.LogicalDevice]:
    return [device for kind in ("CPU", "GPU") for device in tf.config.list_logical_devices(kind)]
