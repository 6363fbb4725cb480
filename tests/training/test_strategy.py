"""Which devices a run takes, and what is refused."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.training.strategy import check_batch_size, check_jit_compile, make_strategy


def test_without_a_gpu_it_is_the_cpu():
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("there is a GPU")
    assert make_strategy().num_replicas_in_sync == 1
    assert isinstance(make_strategy(), tf.distribute.OneDeviceStrategy)


@pytest.mark.gpu
def test_every_visible_gpu_is_taken():
    gpus = tf.config.list_logical_devices("GPU")
    if not gpus:
        pytest.skip("there is no GPU")
    assert make_strategy().num_replicas_in_sync == len(gpus)


def test_named_devices_are_mirrored():
    strategy = make_strategy(("CPU:0", "CPU:1"))
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2


def test_an_unknown_device_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"devices.names must be .* got 'CPU:9'. Did you mean"):
        make_strategy(("CPU:9",))


@pytest.mark.parametrize("kind", ["auto", "mirrored", "one_device"])
def test_a_device_that_is_named_twice_is_refused(kind):
    with pytest.raises(InputError, match=r"devices.names must be different devices; got CPU:0, CP"):
        make_strategy(("CPU:0", "CPU:0"), kind=kind)


def test_a_batch_that_cannot_be_shared_out_evenly_is_refused_with_the_next_that_can():
    strategy = make_strategy(("CPU:0", "CPU:1"))
    check_batch_size(6, strategy)
    with pytest.raises(InputError, match=r"multiple of the 2 replicas; got 7. Use 8."):
        check_batch_size(7, strategy)


def test_xla_is_refused_on_several_replicas():
    check_jit_compile(True, make_strategy(("CPU:0",)))
    check_jit_compile(False, make_strategy(("CPU:0", "CPU:1")))
    with pytest.raises(
        InputError, match=r"devices.jit_compile must be false on several .* got true on 2"
    ):
        check_jit_compile(True, make_strategy(("CPU:0", "CPU:1")))
