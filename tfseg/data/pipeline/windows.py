"""Training with the augmentation on the device (train.augment_on device): both of its halves.

The host reads, decodes and cuts, and draws the random numbers of each sample, as it does without a
device. Batches are (images, rest): windows `[B, W, W, C]`, which have a margin around the crop, and
their ids and draws. At the beginning of a step, each replica makes (images, targets) of its share,
compiled by XLA: the kernels of TensorFlow for GPUs keep most tensors of int32 ids on the host.

With CopyPaste, the share of a replica has one window more: that of the next replica's first image,
from which its last image may get instances.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import tensorflow as tf

from tfseg import checks, placement
from tfseg.augment.base import Example
from tfseg.augment.spec import plan
from tfseg.autograph import no_autograph
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline import visibility
from tfseg.data.pipeline.batches import in_stages, training_batches
from tfseg.data.pipeline.scale import with_factor
from tfseg.data.pipeline.stages import Stage, crop_chain, paste_of, training_stages
from tfseg.heads import Head
from tfseg.kernels.static import static_shapes

_ON_HOST = ("read", "decode", "cache", "crop")  # stages that stay there
_FULL_AREA = "full_area"


def input_stages(
    dataset: Dataset, config: RunConfig, head: Head | None, *, num_hosts: int = 1
) -> dict[str, Stage]:
    """Returns the stages of the host by their names, in their order.

    With the augmentation on the device, "draw" follows "crop", and "batch" is the last one.
    """
    stages = training_stages(dataset, config, head, num_hosts=num_hosts)
    if config.train.augment_on == "host":
        return stages
    finish = Finish(config, head)
    kept = {name: stage for name, stage in stages.items() if name in _ON_HOST}
    return kept | {
        "draw": lambda samples: samples.map(no_autograph(finish.draw), tf.data.AUTOTUNE),
        "batch": stages["batch"],
    }


def input_batches(
    dataset: Dataset,
    config: RunConfig,
    head: Head,
    *,
    first_step: int = 0,
    every: int = 1,
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns what a trainer takes: `training_batches`, or batches of windows.

    Raises:
        InputError: as in `training_batches`.
    """
    part = {"first_step": first_step, "every": every, "host": host, "num_hosts": num_hosts}
    if config.train.augment_on == "host":
        return training_batches(dataset, config, head, **part)
    stages = input_stages(dataset, config, head, num_hosts=num_hosts)
    return in_stages(dataset, config, stages, **part)


def rebatched(batches: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Divides batches into those of `size` samples."""
    return batches.rebatch(size, drop_remainder=True)


def divided(batches: tf.data.Dataset, size: int, *, config: RunConfig) -> tf.data.Dataset:
    """Divides the batches of a host among its replicas: `size` samples for each.

    Windows for CopyPaste are `size` + 1, the last of them the first of the next replica.
    """
    if config.train.augment_on == "host" or not plan(config.augment).copy_paste:
        return rebatched(batches, size)
    count = config.train.batch_size
    taken = (tf.range(0, count, size)[:, None] + tf.range(size + 1)) % count

    def shares(*batch: Any) -> Any:
        return tf.nest.map_structure(lambda values: tf.gather(values, taken), batch)

    return batches.map(no_autograph(shares), tf.data.AUTOTUNE).unbatch()


class Finish:
    """What follows the crop: the transforms, min_visibility, CopyPaste and the targets.

    Args:
        config: of the run.
        head: makes the targets; None leaves the ids.
    """

    def __init__(self, config: RunConfig, head: Head | None) -> None:
        transforms, _, sampling = plan(config.augment)
        self._least, self._size = config.data.min_visibility, config.data.crop_size
        if self._least:
            sampling = dataclasses.replace(sampling, others={_FULL_AREA: "nearest"})
        fits = bool(config.data.pixel_size)
        self._chain, _ = crop_chain(transforms, self._size, sampling, fits=fits)
        self._paste, self._head = paste_of(config), head
        self._compiled = tf.function(self._finish, jit_compile=True, autograph=False)
        if head:
            _check_targets(head, self._size)

    def draw(self, window: Example) -> tuple[tf.Tensor, Example]:
        """Draws for a sample, on the host: what "crop" made -> image and the rest."""
        rest: Example = {name: window[name] for name in ("label", "seed")}
        rest["params"] = with_factor(self._chain.sample(window["seed"]), window)
        if self._least:
            rest[_FULL_AREA] = visibility.spread_areas(window["label"], window["full_areas"])
        return window["image"], rest

    def __call__(self, images: tf.Tensor, rest: Example) -> tuple[tf.Tensor, Any]:
        """Makes a batch of training on the device.

        Args:
            images: `[B, W, W, C]` float32 in [0, 1], the windows; B + 1 with CopyPaste.
            rest: `label` `[B, W, W]` int32, `seed` `[B, 2]` and `params`; with
                data.min_visibility also `full_area` `[B, W, W]` float32.

        Returns:
            images `[B, S, S, C]` and targets, as `training_batches`.
        """
        # XLA draws other numbers than the kernels of CPUs and GPUs.
        draws = self._paste.draws(rest["seed"][:-1], self._size**2) if self._paste else None
        return self._compiled(images, rest, draws)

    def _finish(self, images: tf.Tensor, rest: Example, draws: Any) -> tuple[tf.Tensor, Any]:
        with static_shapes():
            windows = {"image": images, **rest}
            batch = self._chain.apply(windows, rest["params"])
            if self._least:
                ignore = functools.partial(visibility.ignore_by_pixel, least=self._least)
                label = tf.map_fn(
                    lambda pair: ignore(*pair),
                    (batch["label"], batch[_FULL_AREA]),
                    fn_output_signature=tf.TensorSpec([self._size, self._size], tf.int32),
                )
                batch = batch | {"label": label}
            if self._paste:
                batch = self._paste.paste(batch, draws)
            label = batch["label"]
            return batch["image"], self._head.targets(label) if self._head else label


def _check_targets(head: Head, size: int) -> None:
    """Checks that XLA can compile the targets, with shapes that are known.

    Raises:
        InputError: it cannot, or would make a tensor as large as it turns out to be.
    """
    with static_shapes():
        targets = tf.function(head.targets, autograph=False, jit_compile=True)
        graph = targets.get_concrete_function(tf.TensorSpec([1, size, size], tf.int32))
    wrong = placement.not_for_xla(graph)
    if wrong:
        raise checks.InputError(
            "train.augment_on must be host for this head: XLA cannot compile the targets of "
            f"{type(head).__name__} because of {checks.listed(wrong)}. Leave it out, or make the "
            "targets with operations whose results have a fixed shape."
        )
