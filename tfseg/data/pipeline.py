"""From stored records to batches: stages that take a dataset and return a dataset.

The stream of samples is endless and a pure function of the seed (see `reading`). A batch is cut
from it without regard to epochs, so a position is one number, and training resumes at any step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment import IGNORE, Chain, CopyPaste, Sampling, Transform, from_spec
from tfseg.augment.sizes import CenterCrop
from tfseg.config import RunConfig
from tfseg.data import crops, reading
from tfseg.data.index import Index
from tfseg.data.records import decode
from tfseg.data.store import Dataset
from tfseg.heads import Head
from tfseg.kernels import normalize

Example = dict[str, tf.Tensor]
_MARGIN = 0.21  # of the crop on each side: what a turn by 45 degrees reads beyond the crop


def training_batches(
    dataset: Dataset,
    config: RunConfig,
    head: Head,
    *,
    first_step: int = 0,
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns endless batches (images, targets), ready for a trainer or for `model.fit`.

    Args:
        dataset: its `train` split is used.
        config: seed, crop size, batch size and transforms.
        head: makes the targets, after augmentation.
        first_step: the step whose batch comes first.
        host: which of `num_hosts` this is, from 0 on; it gets its slice of every batch.
        num_hosts: that train together.

    Returns:
        images `[B, S, S, C]` float32 in [0, 1] and the head's targets, S the crop size, B the
        share of this host in the batch.

    Raises:
        InputError: no such split, a broken shard, or a batch that the hosts cannot share. A record
            that turns out to be damaged later is an error of TensorFlow: see
            `reading.clear_errors`.
    """
    if num_hosts > 1 and config.data.copy_paste:
        raise checks.InputError(
            "data.copy_paste takes instances from the whole batch, of which each host has a part; "
            f"got {config.data.copy_paste:g} with {num_hosts} hosts. Set it to 0."
        )
    batch_size, prepare = config.train.batch_size, preparation(dataset, config)
    count = dataset.split("train").num_images
    places = reading.positions(count, seed=random.root(config.seed), first=first_step * batch_size)
    places = reading.host_part(places, batch_size=batch_size, host=host, num_hosts=num_hosts)
    read = reading.read_at(Index.of(dataset, "train"), on_corrupt=config.data.on_corrupt)

    @tf.autograph.experimental.do_not_convert  # which would wrap an InputError in one of its own
    def view(example: Example) -> tuple[Example, tf.Tensor]:
        seen, drawn = prepare(example)
        return seen, drawn["seed"]

    def finish(batch: Example, seeds: tf.Tensor) -> tuple[tf.Tensor, Example]:
        if config.data.copy_paste:
            batch = CopyPaste(p=config.data.copy_paste)(batch, seeds)
        return batch["image"], head.targets(batch["label"])

    return (
        places.map(read, tf.data.AUTOTUNE)
        .map(view, tf.data.AUTOTUNE)
        .batch(batch_size // num_hosts, drop_remainder=True)
        .map(finish, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def preparation(
    dataset: Dataset, config: RunConfig
) -> Callable[[Example], tuple[Example, dict[str, Any]]]:
    """Returns the function that makes of {"epoch", "record"} what training sees of a sample.

    It returns image `[S, S, C]` and label `[S, S]`, and beside them what was drawn: the `seed` of
    the sample, the `corner` of the crop, as `crops.draw` gives it, and `params`, as `Chain.sample`
    gives them.
    """
    info, size, seed = dataset.info, config.data.crop_size, random.root(config.seed)
    chain, margin = ending_in_crop(from_spec(config.augment), size)

    def prepare(example: Example) -> tuple[Example, dict[str, Any]]:
        sample = decode(example["record"], channels=info.channels, dtype=info.dtype)
        own = random.for_sample(seed, epoch=example["epoch"], sample_id=sample["id"])
        corner = crops.draw(
            sample["label"],
            size,
            foreground_share=config.data.foreground_share,
            seed=random.for_name(own, "crop"),
        )
        params = chain.sample(own)
        window = crops.cut(normalized(sample), corner, size, margin=margin)
        drawn = {"seed": own, "corner": corner, "params": params}
        return chain.apply(window, params), drawn

    return prepare


def ending_in_crop(transforms: Sequence[Transform], size: int) -> tuple[Chain, int]:
    """Returns `transforms` with the crop that ends them, and the margin that its window needs.

    What a turn brings into the corners of the crop is there, in the margin around it.
    """
    margin = int(size * _MARGIN) if transforms else 0
    return Chain([*transforms, CenterCrop(height=size, width=size)]), margin


def validation_batches(
    dataset: Dataset,
    config: RunConfig,
    head: Head,
    *,
    split: str = "val",
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns the middle crop of every image once, as batches like those of `training_batches`.

    The last batch is filled up with empty samples whose pixels are all ignored, and comes with the
    weight `[B]` float32 of its samples, 1 or 0: (images, targets, weights). Of several hosts each
    has every `num_hosts`-th image, and all have the same number of batches.
    """
    info, size = dataset.info, config.data.crop_size
    shape = (size, size, info.channels)

    def prepare(record: tf.Tensor) -> Example:
        example = decode(record, channels=info.channels, dtype=info.dtype)
        corner = crops.middle(example["label"], size)
        window = crops.cut(normalized(example), corner, size, margin=0)
        return {"image": window["image"], "label": window["label"], "weight": 1.0}

    records = dataset.records(split).shard(num_hosts, host)
    samples = records.map(prepare, tf.data.AUTOTUNE)
    count, batch_size = dataset.split(split).num_images, config.train.batch_size // num_hosts
    batches = -(-count // config.train.batch_size)
    missing = batches * batch_size - len(range(host, count, num_hosts))
    empty = {
        "image": tf.zeros(shape),
        "label": tf.fill(shape[:2], IGNORE),
        "weight": tf.constant(0.0),
    }
    filled = samples.concatenate(tf.data.Dataset.from_tensors(empty).repeat(missing))
    batched = filled.batch(batch_size, drop_remainder=True).map(
        lambda batch: (batch["image"], head.targets(batch["label"]), batch["weight"])
    )
    # Or Keras warns at the end of every validation that the data ran out.
    return batched.apply(tf.data.experimental.assert_cardinality(batches))


def augmented(
    dataset: tf.data.Dataset,
    transforms: Sequence[Transform],
    *,
    seed: int,
    sampling: Sampling | None = None,
) -> tf.data.Dataset:
    """Augments somebody's own dataset, image and ids together.

    The draw of an element depends on `seed` and the element's position. Put `.repeat()` before this
    stage, not after it, so that each pass over the data draws anew.

    Args:
        dataset: elements {"image", "label", ...} or (image, label), image `[H, W, C]` and label
            `[H, W]` integer ids of static size; other entries pass through, and those that
            `sampling` names move along.
        transforms: in the order in which they act.
        seed: a whole number from 0 on.
        sampling: interpolation, border and further entries.

    Returns:
        The same elements with image float32 in [0, 1] and label int32.

    Raises:
        InputError: elements of another form.
    """
    checks.whole("seed", seed, low=0)
    spec = dataset.element_spec
    pair = isinstance(spec, tuple) and len(spec) == 2
    if not pair and not (isinstance(spec, dict) and {"image", "label"} <= spec.keys()):
        raise checks.InputError(
            'Elements must be {"image", "label"} or (image, label); '
            f"got {tf.nest.map_structure(lambda leaf: leaf.shape, spec)}."
        )
    chain, root = Chain(transforms, sampling=sampling), random.root(seed)

    @tf.autograph.experimental.do_not_convert  # which would wrap an InputError in one of its own
    def apply(index: tf.Tensor, element: Example | tuple) -> Example | tuple:
        example = dict(zip(("image", "label"), element, strict=True)) if pair else element
        moved = chain(example, random.fold_in(root, index))
        return (moved["image"], moved["label"]) if pair else moved

    return dataset.enumerate().map(apply, num_parallel_calls=tf.data.AUTOTUNE)


def normalized(sample: Example) -> Example:
    """Returns the sample with its image in [0, 1].

    Of the whole image, before any crop: a crop's own percentiles would depend on where it lies.
    """
    return sample | {"image": normalize.percentile(sample["image"])}
