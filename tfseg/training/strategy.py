"""The devices of a run."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfseg import checks, tf_errors
from tfseg.training import cluster


def make_strategy(devices: Sequence[str] = (), *, kind: str = "auto") -> tf.distribute.Strategy:
    """Returns a strategy for `devices`, or for all visible GPUs, or for the CPU.

    Args:
        devices: of this process, such as GPU:0.
        kind: one of `config.STRATEGIES`, see `DeviceConfig.strategy`.

    Raises:
        InputError: a device does not exist, or `kind` does not fit the devices or the processes
            that the environment names.
    """
    if kind in ("auto", "multi_worker"):
        resolver = cluster.find_resolver()
        if resolver:
            return _multi_worker_strategy(resolver, devices)
        if kind == "multi_worker":
            raise checks.InputError(
                "devices.strategy multi_worker needs TF_CONFIG with several workers, or srun with "
                "several tasks; got neither. Give --launch 2, or see docs/several-hosts.md."
            )
    known = [device.name.removeprefix("/device:") for device in _logical_devices()]
    for device in devices:
        checks.one_of("devices.names", device, known)
    if len(set(devices)) < len(devices):
        raise checks.InputError(
            f"devices.names must be different devices; got {', '.join(devices)}. Name each of them "
            "once."
        )
    names = list(devices) or [name for name in known if name.startswith("GPU")] or ["CPU:0"]
    if kind == "one_device" and len(devices) > 1:
        raise checks.InputError(
            f"devices.names must be one device with devices.strategy one_device; got "
            f"{', '.join(devices)}."
        )
    if kind == "one_device" or len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    # Not the default all-reduce: its collective keys collide if a process makes a second strategy.
    return tf.distribute.MirroredStrategy(
        names, cross_device_ops=tf.distribute.HierarchicalCopyAllReduce()
    )


def _multi_worker_strategy(
    resolver: cluster.Resolver, devices: Sequence[str]
) -> tf.distribute.Strategy:
    if devices:
        raise checks.InputError(
            f"devices.names must be empty with {cluster.num_workers(resolver)} workers; got "
            f"{', '.join(devices)}. Set CUDA_VISIBLE_DEVICES of each worker instead."
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        if not tf_errors.is_too_late_for_workers(str(error)):
            raise
        raise checks.InputError(
            "Several workers must connect before TensorFlow runs its first operation. Call "
            "Trainer.fit before any other use of TensorFlow, or set devices.strategy to mirrored."
        ) from error


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Checks that a global batch can be divided evenly among the replicas.

    Raises:
        InputError: the replicas would get different numbers of samples.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise checks.InputError(
            f"train.batch_size must be a multiple of the {replicas} replicas; got {batch_size}. "
            f"Use {-(-batch_size // replicas) * replicas}."
        )


def check_jit_compile(jit_compile: bool, strategy: tf.distribute.Strategy) -> None:
    """Checks that XLA does not have to compile the all-reduce of batch normalisation.

    Raises:
        InputError: XLA is on, with several replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if jit_compile and replicas > 1:
        raise checks.InputError(
            f"devices.jit_compile must be false on several devices; got true on {replicas}. Set it "
            "to false, or set devices.strategy to one_device."
        )


def _logical_devices() -> list[tf.config.LogicalDevice]:
    return [device for kind in ("CPU", "GPU") for device in tf.config.list_logical_devices(kind)]
