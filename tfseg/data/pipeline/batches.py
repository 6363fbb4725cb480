"""From stored records to batches, as ordinary datasets of tf.data (see `stages`).

The stream of samples is endless and a pure function of the seed (see `order`). Batches are cut from
it regardless of epochs, so the position is one number, and training resumes at any step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfseg import calls, checks, random
from tfseg.augment import Chain, Sampling, Transform
from tfseg.augment.base import Example
from tfseg.augment.spec import plan
from tfseg.autograph import no_autograph
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline import crops
from tfseg.data.pipeline.cutter import Cutter
from tfseg.data.pipeline.order import host_part, training_order
from tfseg.data.pipeline.scale import with_factor
from tfseg.data.pipeline.sources import Source, with_source
from tfseg.data.pipeline.stages import Stage, crop_chain, training_stages, with_classes
from tfseg.heads import Head
from tfseg.ids import IGNORE


@calls.check
def training_batches(
    dataset: Dataset,
    config: RunConfig,
    head: Head | None = None,
    *,
    first_step: int = 0,
    every: int = 1,
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns endless batches (images, targets), ready for a trainer or for `model.fit`.

    They are made on the host: train.augment_on is for a trainer, which takes `windows` instead.

    Args:
        dataset: its `train` split is used.
        config: seed, crop size, batch size and transforms.
        head: makes the targets, after augmentation; None leaves the ids themselves.
        first_step: the step whose batch comes first.
        every: keeps one batch in `every`, from the first on.
        host: number of this host, from 0 on; it gets its slice of every batch.
        num_hosts: hosts that train together.

    Returns:
        images `[B, S, S, C]` float32 in [0, 1] and the head's targets, or ids `[B, S, S]` int32
        (0 = background, -1 = ignored); S the crop size, B the share of this host in the batch.

    Raises:
        InputError: no such split, a broken shard, or a batch size that is not a multiple of the
            number of hosts. A damaged record raises an error of TensorFlow when it is read: see
            `reading.unwrap_input_errors`.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> config = tfseg.RunConfig(augment=(), data=tfseg.DataConfig(crop_size=32))
        >>> images, targets = next(iter(tfseg.training_batches(dataset, config)))
        >>> images.shape, targets.shape
        (TensorShape([8, 32, 32, 1]), TensorShape([8, 32, 32]))
    """
    stages = training_stages(dataset, config, head, num_hosts=num_hosts)
    return in_stages(
        *(dataset, config, stages),
        first_step=first_step,
        every=every,
        host=host,
        num_hosts=num_hosts,
    )


def in_stages(
    dataset: Dataset,
    config: RunConfig,
    stages: Mapping[str, Stage],
    *,
    first_step: int,
    every: int,
    host: int,
    num_hosts: int,
) -> tf.data.Dataset:
    """Returns what `stages` make of the samples in the order of training (see `stages`).

    Raises:
        InputError: as in `training_batches`.
    """
    if num_hosts > 1 and plan(config.augment).copy_paste:
        raise checks.InputError(
            "CopyPaste needs the global batch, and each host makes only a part of it; got "
            f"{num_hosts} hosts. Take CopyPaste out of augment."
        )
    checks.integer("first_step", first_step, low=0)
    checks.integer("every", every, low=1)
    batch_size = config.train.batch_size
    stream = training_order(dataset, config, first=first_step * batch_size)
    if every > 1:
        stream = stream.batch(batch_size).shard(every, 0).unbatch()
    stream = host_part(stream, batch_size=batch_size, host=host, num_hosts=num_hosts)
    for stage in stages.values():
        stream = stage(stream)
    return stream.prefetch(tf.data.AUTOTUNE)


@calls.check
def validation_batches(
    dataset: Dataset,
    config: RunConfig,
    head: Head | None = None,
    *,
    split: str = "val",
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns the middle crop of every image once, as batches like those of `training_batches`.

    The last batch is padded with empty samples, with all pixels ignored. Batches are (images,
    targets, weights), the weights `[B]` float32 of the samples 1, or 0 for padding. With several
    hosts, each has every `num_hosts`-th image, and all have the same number of batches.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> config = tfseg.RunConfig(data=tfseg.DataConfig(crop_size=32))
        >>> batches = tfseg.validation_batches(dataset, config, split="test")
        >>> len(batches)
        2
    """
    crops = validation_crops(dataset, config, split=split, host=host, num_hosts=num_hosts)

    def with_targets(batch: Example) -> tuple[tf.Tensor, Example | tf.Tensor, tf.Tensor]:
        label = batch["label"]
        return batch["image"], head.targets(label) if head else label, batch["weight"]

    return crops.map(no_autograph(with_targets))


def scored_batches(
    dataset: Dataset, config: RunConfig, head: Head, *, host: int = 0, num_hosts: int = 1
) -> tf.data.Dataset:
    """Returns the batches of split val that a trainer scores: (images, targets, weights, ids).

    The batches of `validation_batches`, and the ids `[B, S, S]` int32 to compare predictions with;
    from the first `config.log.validation_images` images, or from all where that is 0.
    """
    limit = config.log.validation_images
    crops = validation_crops(dataset, config, limit=limit, host=host, num_hosts=num_hosts)

    def with_targets(batch: Example) -> tuple[tf.Tensor, Example, tf.Tensor, tf.Tensor]:
        label = batch["label"]
        return batch["image"], head.targets(label), batch["weight"], label

    return crops.map(no_autograph(with_targets))


def validation_crops(
    dataset: Dataset,
    config: RunConfig,
    *,
    split: str = "val",
    limit: int = 0,
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns the batches of `validation_batches` without targets: {"image", "label", "weight"}.

    Args:
        dataset: with the split.
        config: crop size and batch size.
        split: its name.
        limit: number of images, from the first on; 0 takes all.
        host: number of this host, from 0 on.
        num_hosts: hosts that validate together.
    """
    dataset = dataset.with_channels(config.data.channels)
    size = config.data.crop_size
    shape = (size, size, dataset.info.channels)
    sampling, num_classes = plan(config.augment).sampling, len(config.model.class_names)
    reader, cutter = dataset.reader(split), Cutter.of(dataset, config, sampling)
    fitting, _ = crop_chain([], size, sampling, fits=True)

    def prepare(number: tf.Tensor) -> Example:
        sample = with_classes(reader.decode(reader.read(number)), num_classes)
        limits, reads = cutter.limits(sample), cutter.reads(sample)
        corner = crops.middle(sample["size"], reads.size)

        def cropped(source: Source) -> Example:
            return cutter.cut(source, sample["size"], corner, reads, limits)

        crop = with_source(sample, reader, num_classes, cropped)
        if cutter.scale:
            crop = fitting.apply(crop, with_factor(fitting.sample(random.root(0)), crop))
        return {"image": crop["image"], "label": crop["label"], "weight": 1.0}

    count = dataset.split(split).num_images
    count = min(limit or count, count)
    numbers = tf.data.Dataset.range(count).shard(num_hosts, host)
    samples = numbers.map(no_autograph(prepare), tf.data.AUTOTUNE)
    batch_size = config.train.batch_size // num_hosts
    batches = -(-count // config.train.batch_size)
    missing = batches * batch_size - len(range(host, count, num_hosts))
    empty = {
        "image": tf.zeros(shape),
        "label": tf.fill(shape[:2], IGNORE),
        "weight": tf.constant(0.0),
    }
    filled = samples.concatenate(tf.data.Dataset.from_tensors(empty).repeat(missing))
    batched = filled.batch(batch_size, drop_remainder=True)
    # Without a cardinality, Keras warns at the end of every validation that the data ran out.
    return batched.apply(tf.data.experimental.assert_cardinality(batches))


@calls.check
def augmented(
    dataset: tf.data.Dataset,
    transforms: Sequence[Transform],
    *,
    seed: int,
    sampling: Sampling | None = None,
) -> tf.data.Dataset:
    """Augments a dataset of yours, image and ids together.

    The random numbers of an element depend on `seed` and the element's position. Put `.repeat()`
    before this stage, not after it, so that every pass over the data is different.

    Args:
        dataset: elements {"image", "label", ...} or (image, label), image `[H, W, C]` and label
            `[H, W]` integer ids of static size, unless RandomCrop is the first geometric transform;
            other entries are passed on, those that `sampling`
            names are transformed with the image.
        transforms: in the order in which they act.
        seed: a whole number from 0 on.
        sampling: interpolation, border and further entries.

    Returns:
        The same elements with image float32 in [0, 1] and label int32.

    Raises:
        InputError: elements of another form. Values out of range, such as floats beyond [0, 1], are
            a tf.errors.InvalidArgumentError with the rule when the dataset is read.

    Examples:
        >>> samples = tfseg.Dataset.open("nuclei").samples("train")
        >>> crop = tfseg.augment.RandomCrop(height=32, width=32)
        >>> transforms = [crop, tfseg.augment.HorizontalFlip()]
        >>> example = next(iter(tfseg.augmented(samples.repeat(), transforms, seed=0)))
        >>> example["image"].shape, example["label"].shape
        (TensorShape([32, 32, 1]), TensorShape([32, 32]))
    """
    checks.integer("seed", seed, low=0)
    spec = dataset.element_spec
    pair = isinstance(spec, tuple) and len(spec) == 2
    if not pair and not (isinstance(spec, dict) and {"image", "label"} <= spec.keys()):
        raise checks.InputError(
            'Elements must be {"image", "label"} or (image, label); '
            f"got {tf.nest.map_structure(lambda leaf: leaf.shape, spec)}. Map them to one of these."
        )
    image, label = spec if pair else (spec["image"], spec["label"])
    if (image.shape.rank, label.shape.rank) == (4, 3):
        raise checks.InputError(
            f"Elements must be single images; got batches {image.shape}. Augment before batching: "
            "tfseg.augmented(dataset, transforms, seed=seed).batch(n)."
        )
    chain, root = Chain(transforms, sampling=sampling), random.root(seed)

    def apply(index: tf.Tensor, element: Example | tuple) -> Example | tuple:
        if isinstance(element, tuple):
            element = dict(zip(("image", "label"), element, strict=True))
        moved = chain(element, random.fold_in(root, index))
        return (moved["image"], moved["label"]) if pair else moved

    return dataset.enumerate().map(no_autograph(apply), num_parallel_calls=tf.data.AUTOTUNE)
