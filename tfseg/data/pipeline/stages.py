"""The stages between a position in the stored order and a training batch.

A stage is a function from dataset to dataset. Training runs all of them in order, `bench` measures
each, and `replay` applies the same functions to one sample.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment import CenterCrop, Chain, RandomResizedCrop, RandomSizedCrop, Sampling, Transform
from tfseg.augment.base import Example, Geometric, Pixel
from tfseg.augment.compose import name_each
from tfseg.augment.mix import CopyPaste
from tfseg.augment.spec import plan
from tfseg.autograph import no_autograph
from tfseg.channels import COLORS, is_grey_or_rgb, names_of
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.split_reader import SplitReader
from tfseg.data.pipeline import cache, crops, visibility
from tfseg.data.pipeline.cutter import Cutter
from tfseg.data.pipeline.scale import FitPixelSize, with_factor
from tfseg.data.pipeline.sources import Source, with_source
from tfseg.heads import Head
from tfseg.kernels import class_ids

Function = Callable[[Example], Example]
Stage = Callable[[tf.data.Dataset], tf.data.Dataset]
_ResizedCrop = RandomResizedCrop | RandomSizedCrop
_MARGIN = 0.21  # of the crop on each side: a turn by 45 degrees reads that far beyond the crop


def training_stages(
    dataset: Dataset, config: RunConfig, head: Head | None, *, num_hosts: int = 1
) -> dict[str, Stage]:
    """Returns the stages of training by their names, in their order.

    "read" turns positions {"epoch", "index"} into records of images, "decode", "crop" (which also
    reads and decodes the tiles that it touches) and "augment" apply `sample_functions`, "batch"
    makes batches, and "targets" pastes instances, if asked for, and makes the targets. With a
    cache, "cache" replaces "read" and "decode", and tiles are kept as well.
    """
    dataset = dataset.with_channels(config.data.channels)
    keep = None
    if config.data.cache != "none" and dataset.has_tiles:
        keep = functools.partial(cache.keeping, cache.new_cache(dataset, config.data.cache))
    reader = dataset.reader("train", on_corrupt=config.data.on_corrupt, keep=keep)
    functions = sample_functions(dataset, config, reader)
    size = config.train.batch_size // num_hosts
    paste = paste_of(config)

    def augment(example: Example) -> Example:
        augmented = functions["augment"](example)
        return {name: augmented[name] for name in ("image", "label", "seed")}

    def finish(batch: Example) -> tuple[tf.Tensor, Example | tf.Tensor]:
        if paste:
            batch = paste(batch, batch["seed"])
        label = batch["label"]
        return batch["image"], head.targets(label) if head else label

    def read(position: Example) -> Example:
        return reader.read(position["index"]) | {"epoch": position["epoch"]}

    loading = {"read": _each(read), "decode": _each(functions["decode"])}
    if config.data.cache != "none":
        # In a cache apart: images and tiles have numbers of their kind.
        kept = cache.keeping(
            cache.new_cache(dataset, config.data.cache),
            lambda index: functions["decode"](reader.read(index)),
        )
        loading = {
            "cache": _each(lambda position: kept(position["index"]) | {"epoch": position["epoch"]})
        }
    return loading | {
        "crop": _each(functions["crop"]),
        "augment": _each(augment),
        "batch": lambda samples: samples.batch(size, drop_remainder=True),
        "targets": _each(finish),
    }


def sample_functions(
    dataset: Dataset, config: RunConfig, reader: SplitReader
) -> dict[str, Function]:
    """Returns the functions of a sample by their names, in their order.

    - "decode": `SplitReader.read` -> `SplitReader.decode`, with ids that encode classes where there
      are several. Other entries, such as "epoch", stay.
    - "crop": with "epoch" -> image `[W, W, C]` float32 in [0, 1] and label `[W, W]`, the crop with
      its margin (with data.pixel_size, what the field reads for it, and the `factor` of
      `Scale.window`), the `seed` `[2]` int32 of the sample and the `corner` `[2]` int32 of the crop
      from `crops.draw`; with data.min_visibility also `full_areas`, those in the image.
    - "augment": -> image `[S, S, C]` and label `[S, S]`, and `params` from `Chain.sample`.
    """
    dataset = dataset.with_channels(config.data.channels)
    size, seed = config.data.crop_size, random.root(config.seed)
    num_classes = len(config.model.class_names)
    least = config.data.min_visibility
    transforms, _, sampling = plan(config.augment)
    chain, margin = crop_chain(transforms, size, sampling, fits=bool(config.data.pixel_size))
    cutter = Cutter.of(dataset, config, sampling, margin=margin)

    def decoded(stored: Example) -> Example:
        others = {name: value for name, value in stored.items() if name != "record"}
        return others | with_classes(reader.decode(stored), num_classes)

    def crop(sample: Example) -> Example:
        sample_seed = random.for_sample(seed, epoch=sample["epoch"], sample_id=sample["id"])
        limits, reads = cutter.limits(sample), cutter.reads(sample)

        def cropped(source: Source) -> Example:
            corner = crops.draw(
                source.objects(),
                sample["size"],
                reads.size,
                foreground_share=config.data.foreground_share,
                instance_share=config.data.instance_share,
                num_classes=num_classes,
                seed=random.for_name(sample_seed, "crop"),
            )
            pixels = cutter.cut(source, sample["size"], corner, reads, limits)
            areas = {"full_areas": reads.areas(source.areas())} if least else {}
            return pixels | {"corner": corner} | areas

        return with_source(sample, reader, num_classes, cropped) | {"seed": sample_seed}

    def augment(window: Example) -> Example:
        params = with_factor(chain.sample(window["seed"]), window)
        augmented = chain.apply(window, params) | {"params": params}
        if not least:
            return augmented
        label = augmented["label"]
        label = visibility.ignore_mostly_cut(label, window["full_areas"], least=least)
        return augmented | {"label": label}

    return {"decode": decoded, "crop": crop, "augment": augment}


def paste_of(config: RunConfig) -> CopyPaste | None:
    """Returns what pastes instances within a batch, for the classes of the network; or None."""
    paste = plan(config.augment).copy_paste
    count = max(1, len(config.model.class_names))
    return dataclasses.replace(paste, num_classes=count) if paste else None


def with_classes(sample: Example, num_classes: int) -> Example:
    """Returns the sample with ids that encode classes, where there are several."""
    if num_classes < 2:
        return sample
    label = class_ids.with_classes(sample["label"], sample["class_of"], num_classes=num_classes)
    return sample | {"label": label}


def check_transforms(config: RunConfig) -> None:
    """Checks `augment` before a training starts.

    Raises:
        InputError: an unknown transform or parameter, one that sets the size of images, or one for
            colours where the images are not RGB.
    """
    transforms, _, sampling = plan(config.augment)
    channels, names = config.model.channels, config.model.channel_names
    is_rgb = channels == len(COLORS) and is_grey_or_rgb(channels, names)
    for name, transform in name_each(transforms):
        if is_rgb or not isinstance(transform, Pixel):
            continue
        known = ", ".join(names_of(channels, names))
        if transform.needs_colors:
            raise checks.InputError(
                f"{name} needs images of 3 channels, red, green and blue; those of the data set "
                f"are {known}. Take it out of augment."
            )
        if transform.takes_three_for_colors and channels == len(COLORS):
            raise checks.InputError(
                f"{name} takes three channels for red, green and blue; those of the data set are "
                f"{known}. Take it out of augment."
            )
    crop_chain(transforms, config.data.crop_size, sampling)


def crop_chain(
    transforms: Sequence[Transform], size: int, sampling: Sampling, *, fits: bool = False
) -> tuple[Chain, int]:
    """Returns `transforms` followed by the crop, and the margin that its window needs.

    Transforms read from the margin what they move into the crop, such as a turn at the corners.
    With `fits`, the chain takes windows of `Scale.window`, which it brings to the pixel size first.

    Raises:
        InputError: a transform sets another size than the crop's.
    """
    for name, transform in name_each(transforms):
        _check_keeps_size(name, transform, size)
    margin = int(size * _MARGIN) if transforms else 0
    crop = CenterCrop(size, size, pad_if_needed=True)
    fit = [FitPixelSize(size + 2 * margin)] if fits else []
    return Chain([*fit, *transforms, crop], sampling=sampling), margin


def _check_keeps_size(name: str, transform: Transform, size: int) -> None:
    if not isinstance(transform, Geometric):
        return
    to_crop = isinstance(transform, _ResizedCrop) and tuple(transform.size) == (size, size)
    if type(transform).output_size is not Geometric.output_size and not to_crop:
        raise checks.InputError(
            f"{name} sets the size of images, but data.crop_size sets it in training; got "
            f"data.crop_size {size}. Leave it out of augment, or use RandomResizedCrop with size "
            f"[{size}, {size}] or RandomScale."
        )


def _each(function: Callable[[Example], Any]) -> Stage:
    return lambda dataset: dataset.map(no_autograph(function), tf.data.AUTOTUNE)
