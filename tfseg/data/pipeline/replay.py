"""Repeats what training sees of one sample in one epoch, with the random numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tifffile

from tfseg import calls, checks
from tfseg.augment.compose import name_each
from tfseg.augment.spec import plan
from tfseg.autograph import no_autograph
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset, reader_of
from tfseg.data.dataset.decoded_records import sample_id as sample_id_of
from tfseg.data.dataset.integrity import named_damage
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.data.pipeline.stages import sample_functions

FILES = DRAW, IMAGE, IDS = "draw.json", "image.tif", "ids.tif"


@dataclasses.dataclass(frozen=True)
class Replay(metaclass=calls.Public):
    """One sample as training sees it in one epoch.

    Attributes:
        sample_id: of the sample, in the split `train`.
        epoch: counted from 0.
        corner: (y, x) of the crop in the image, pixels, before any transform; (0, 0) along an axis
            where the image is smaller than the crop and lies in its middle.
        params: random numbers by transform, named as in `Chain.sample`, as plain numbers and lists;
            "on" is whether the transform acts.
        image: `[S, S, C]` float32 in [0, 1].
        label: `[S, S]` int32 ids, 0 = background, -1 = ignored.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> config = tfseg.RunConfig(augment=(), data=tfseg.DataConfig(crop_size=32))
        >>> seen = tfseg.replay(dataset, config, "00071198d059", epoch=0)
        >>> seen.image.shape, seen.label.shape
        ((32, 32, 1), (32, 32))
    """

    sample_id: str
    epoch: int
    corner: tuple[int, int]
    params: dict[str, dict[str, Any]]
    image: np.ndarray
    label: np.ndarray

    def draw(self) -> dict[str, Any]:
        """Returns all but the arrays, ready for JSON."""
        return {
            "sample_id": self.sample_id,
            "epoch": self.epoch,
            "corner": list(self.corner),
            "params": self.params,
        }

    def write(self, folder: Path) -> None:
        """Writes draw.json, and losslessly image.tif (float32) and ids.tif (int32)."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.draw(), indent=2)
        (folder / DRAW).write_text(text + "\n", encoding="utf-8")
        image = self.image[..., 0] if self.image.shape[-1] == 1 else self.image
        for name, array in ((IMAGE, image), (IDS, self.label)):
            tifffile.imwrite(
                folder / name,
                array,
                photometric="rgb" if array.shape[2:] == (3,) else "minisblack",
                planarconfig="contig" if array.ndim == 3 else None,
                compression="zlib",
            )


@calls.check
def replay(dataset: Dataset, config: RunConfig, sample_id: str, epoch: int) -> Replay:
    """Returns the crop of a sample that a training with `config` sees in an epoch, bit for bit.

    Instances that CopyPaste takes from another image of the batch are missing.

    Args:
        dataset: its `train` split is used.
        config: of the training; seed, crop and transforms matter, the batch size does not.
        sample_id: name of the sample.
        epoch: counted from 0; step s of batches of B has the samples s B to (s + 1) B - 1, and with
            n samples in the split, sample k belongs to epoch k // n.

    Raises:
        InputError: no such sample in the split, or the epoch is not a whole number from 0 on.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> config = tfseg.RunConfig(augment=(), data=tfseg.DataConfig(crop_size=32))
        >>> tfseg.replay(dataset, config, "00071198d059", epoch=3).epoch
        3
    """
    checks.integer("epoch", epoch, low=0, high=2**31 - 2)
    dataset = dataset.with_channels(config.data.channels)
    number = find_image(dataset, sample_id)

    # Without class names, the ids are those of the record, not ids that encode classes.
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, class_names=()))

    # In a tf.data pipeline as in training, which runs on the CPU even if the network does not.
    def prepare(number: tf.Tensor) -> dict[str, Any]:
        reader = reader_of(dataset, "train")
        example = reader.read(number) | {"epoch": np.int64(epoch)}
        for function in sample_functions(dataset, config, reader).values():
            example = function(example)
        return example

    numbers = tf.data.Dataset.from_tensors(np.int64(number))
    (sample,) = numbers.map(no_autograph(prepare)).as_numpy_iterator()
    params = {
        # Without the final crop in the middle.
        name: {key: value.tolist() for key, value in sample["params"][name].items()}
        for name, _ in name_each(plan(config.augment).transforms)
    }
    corner = tuple(sample["corner"].tolist())
    return Replay(sample_id, epoch, corner, params, sample["image"], sample["label"])


def find_image(dataset: Dataset, sample_id: str) -> int:
    """Returns the number of a sample in the split `train`.

    Raises:
        InputError: there is no such sample, or a record before it is damaged; names the most
            similar one, or the record.
    """
    names = []
    with unwrap_input_errors(), named_damage(dataset, "train"):
        for record in dataset.records("train").as_numpy_iterator():
            names.append(sample_id_of(record))
            if names[-1] == sample_id:
                return len(names) - 1
    raise InputError(
        f"{dataset.path} has no sample {sample_id!r} among the {len(names)} of its split train, "
        f"such as {names[0]!r}.{checks.nearest(sample_id, names)}"
    )
