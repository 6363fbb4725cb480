"""A data set on disk: a folder with dataset.json and TFRecord files, the shards."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseg import calls, checks, notebook, tf_errors
from tfseg.autograph import no_autograph
from tfseg.channels import names_of
from tfseg.checks import InputError, nearest
from tfseg.data.dataset.decoded_records import Decoding, Kept, decode_record
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.info import DatasetInfo, SplitInfo
from tfseg.data.dataset.split_reader import SplitReader
from tfseg.data.dataset.stored_image import StoredImage
from tfseg.data.dataset.stored_records import all_records
from tfseg.data.files.paths import DataPath, as_path
from tfseg.drawing.display import Display
from tfseg.drawing.overlays import overlay, thinning

_SHOWN = 3  # samples, in a notebook


@dataclasses.dataclass(frozen=True)
class Dataset(metaclass=calls.Public):
    """A data set on disk. Only dataset.json is read until records are asked for.

    Attributes:
        path: the folder.
        info: the content of dataset.json, of the kept channels.
        kept: which of the stored channels are kept, and how many are stored; None: all.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> dataset.split("test").num_images
        12
        >>> next(dataset.samples("test").as_numpy_iterator())["image"].shape
        (260, 347, 1)
    """

    path: DataPath
    info: DatasetInfo
    kept: Kept | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    @calls.check
    def open(cls, path: str | DataPath) -> Dataset:
        """Opens the data set in the folder `path`, which may be a URL like gs://bucket/folder.

        Raises:
            InputError: no data set, one of a newer tfseg, or a damaged dataset.json.
        """
        return cls(as_path(path), DatasetInfo.read(as_path(path)))

    def split(self, name: str) -> SplitInfo:
        """Returns the description of one split.

        Raises:
            InputError: no such split; names the existing ones.
        """
        if name not in self.info.splits:
            raise InputError(
                f"{self.path} has no split {name!r}; it has {', '.join(self.info.splits)}."
                f"{nearest(name, self.info.splits)} Choose one of them, or convert data with "
                f"{name!r} too."
            )
        return self.info.splits[name]

    @calls.check
    def records(self, split: str) -> tf.data.Dataset:
        """Returns the serialized records of the images of a split, `[]` string, in stored order.

        That of an image in tiles has no pixels.

        Raises:
            InputError: no such split, a shard is missing, has broken framing (which can end the
                process where TensorFlow reads it), or more or fewer records than dataset.json says.
        """
        if not self.info.has_tiles:
            return all_records(self, split)
        reader = reader_of(self, split)
        return self._mapped(split, lambda number: reader.read(number)["record"])

    def shard_paths(self, split: str) -> list[DataPath]:
        """Returns the files of a split, in order.

        Raises:
            InputError: no such split, or a shard is missing.
        """
        paths = [self.path / shard.name for shard in self.split(split).shards]
        for path in paths:
            if not path.is_file():
                raise InputError(f"{path} is missing. Convert the data again.")
        return paths

    @calls.check
    def samples(self, split: str) -> tf.data.Dataset:
        """Returns the samples of a split in stored order, each once, as `decode` returns them.

        Images in tiles are joined.

        Raises:
            InputError: as for `records`, or an image in tiles has more than 100 million pixels;
                `images` reads it by windows.
        """
        if not self.info.has_tiles:
            return self.records(split).map(
                no_autograph(self.decode), num_parallel_calls=tf.data.AUTOTUNE
            )

        reader = reader_of(self, split)
        reader.check_joined()

        def sample(number: tf.Tensor) -> dict[str, tf.Tensor]:
            joined = reader.joined(reader.decode(reader.read(number)))
            return {
                name: joined[name] for name in ("id", "image", "label", "class_of", "pixel_size")
            }

        return self._mapped(split, sample)

    @calls.check
    def images(self, split: str, numbers: Sequence[int] = ()) -> Iterator[StoredImage]:
        """Yields the images of a split in stored order, to be read by windows, outside the graph.

        Args:
            split: its name.
            numbers: of the images that are wanted, in stored order from 0 on; empty: all.

        Raises:
            InputError: as for `records`, or a record cannot be decoded.

        Examples:
            >>> image = next(tfseg.Dataset.open("nuclei").images("test"))
            >>> image.shape, image.label[:2, 10:15].shape
            ((260, 347, 1), (2, 5))
        """
        reader = reader_of(self, split)
        samples = self._mapped(split, lambda number: reader.decode(reader.read(number)), numbers)
        try:
            for sample in samples.as_numpy_iterator():
                yield StoredImage.of(sample, reader, decoding_of(self))
        except tf.errors.InvalidArgumentError as error:
            reason = f"A record of {self.path}, {split}, cannot be decoded. Convert the data again."
            raise InputError(tf_errors.input_error(error.message) or reason) from error

    def _mapped(
        self,
        split: str,
        function: Callable[[tf.Tensor], Any],
        numbers: Sequence[int] = (),
    ) -> tf.data.Dataset:
        """Returns what a function makes of the number of each image."""
        wanted = list(numbers) or np.arange(self.split(split).num_images)
        images = tf.data.Dataset.from_tensor_slices(tf.constant(wanted, tf.int64))
        return images.map(no_autograph(function), num_parallel_calls=tf.data.AUTOTUNE)

    def decode(self, record: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the pixels and ids of one of the `records`, as `decode_record` does.

        Not for that of an image in tiles, which has none.
        """
        return decode_record(record, decoding_of(self))

    def with_channels(self, names: Sequence[str]) -> Dataset:
        """Returns the data set with only some of its channels.

        Args:
            names: of the channels, in the order wanted; empty keeps all.

        Raises:
            InputError: the data set has no channel of a name; says which there are.
        """
        known = names_of(self.info.channels, self.info.channel_names)
        if not names or tuple(names) == known:
            return self
        for name in names:
            if name not in known:
                raise InputError(
                    f"{self.path} has no channel {name!r}; it has {', '.join(known)}."
                    f"{nearest(name, known)}"
                )
        positions = tuple(map(known.index, names))
        statistics = self.info.statistics
        info = dataclasses.replace(
            self.info,
            channels=len(names),
            channel_names=tuple(names),
            statistics=statistics and statistics.of_channels(positions),
        )
        before = self.kept or Kept(tuple(range(len(known))), len(known))
        kept = Kept(tuple(before.positions[index] for index in positions), before.num_stored)
        return dataclasses.replace(self, info=info, kept=kept)

    def _repr_html_(self) -> str:
        """Returns the counts of every split, and pictures of some samples, for notebooks."""
        names = checks.listed(self.info.class_names)
        splits = self.info.splits.items()
        rows = [(name, split.num_images, split.num_instances) for name, split in splits]
        try:
            pictures = "".join(self._pictures(next(iter(self.info.splits))))
        except (InputError, tf.errors.OpError) as error:  # the counts are shown in any case
            pictures = notebook.text(error)
        return (
            notebook.text(f"{self.path}: instances of {names}")
            + notebook.table(("split", "images", "instances"), rows)
            + pictures
        )

    def _pictures(self, split: str) -> Iterator[str]:
        display = Display(self.info.channel_names)
        for stored in itertools.islice(self.images(split), _SHOWN):
            thin = thinning(stored.shape[:2], notebook.SIDE)
            picture = overlay(stored.image[thin], stored.label[thin], display=display)
            yield notebook.picture(picture, stored.id)


def decoding_of(dataset: Dataset) -> Decoding:
    """Returns how the pixels of a data set are read."""
    info = dataset.info
    kept = dataset.kept or Kept((), info.channels)
    return Decoding(kept.num_stored, info.dtype, info.image_formats, kept.positions)


def reader_of(dataset: Dataset, split: str, **options: Any) -> SplitReader:
    """Opens a split to read its images in the graph; `options` are those of `SplitReader`.

    Raises:
        InputError: as for `Index.read` and `SplitReader`.
    """
    return SplitReader(Index.read(dataset, split), decoding_of(dataset), **options)
