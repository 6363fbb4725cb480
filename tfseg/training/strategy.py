"""Which devices a run is mirrored over."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfseg import checks


def make_strategy(devices: Sequence[str] = ()) -> tf.distribute.Strategy:
    """Returns a strategy over `devices`, or over every visible GPU, or on the CPU.

    Raises:
        InputError: a device that is not there.
    """
    known = [device.name.removeprefix("/device:") for device in _logical_devices()]
    for device in devices:
        checks.one_of("train.devices", device, known)
    names = list(devices) or [name for name in known if name.startswith("GPU")] or ["CPU:0"]
    if len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    # Not the default all-reduce: its collective keys clash when a process makes a second strategy.
    return tf.distribute.MirroredStrategy(
        names, cross_device_ops=tf.distribute.HierarchicalCopyAllReduce()
    )


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


def _logical_devices() -> list[tf.config.LogicalDevice]:
    return [device for kind in ("CPU", "GPU") for device in tf.config.list_logical_devices(kind)]
