"""Predicting files on one machine: the next is read and the previous written meanwhile."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg import checks
from tfseg.channels import names_of
from tfseg.data.files import pixel_size as pixel_sizes
from tfseg.data.files.opening import file_channel_names, file_pixel_size, open_picture
from tfseg.data.files.paths import DataPath, fetch, is_remote
from tfseg.data.files.picture_windows import PictureWindows
from tfseg.data.files.selection import Selection
from tfseg.inference.cleanup import Cleanup
from tfseg.inference.replicas import Prediction, Replicas
from tfseg.inference.result_folder import ResultFolder
from tfseg.ordered_map import ordered


class Outcome(NamedTuple):
    """What was done with a file, in plain values.

    Attributes:
        is_kept: it already had results.
        reason: why it was skipped; "" if it has results.
        doubt: what is unusual about the image, or "".
        is_turned: it was turned upright.
        is_approximate: as in `Prediction`.
        is_resampled: as in `Prediction`.
        unused: names of its channels that the network does not take.
    """

    is_kept: bool = False
    reason: str = ""
    doubt: str = ""
    is_turned: bool = False
    is_approximate: bool = False
    is_resampled: bool = False
    unused: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Work:
    """What is done with every file.

    Attributes:
        folder: of the results.
        channel_names: of the channels of the network.
        cleanup: of the predicted ids.
        channels: names of the channels of all files; empty takes those of the files.
        selection: level and page of TIFF files.
        pixel_size: of all files, micrometres; None takes those of the files.
        resume: files with results are kept.
        is_shared: other machines may write into the folder, too, or it is remote.
    """

    folder: ResultFolder
    channel_names: tuple[str, ...]
    cleanup: Cleanup | None
    channels: tuple[str, ...]
    selection: Selection
    pixel_size: float | None
    resume: bool
    is_shared: bool = False

    def outcomes(
        self, network: Replicas, files: Sequence[DataPath]
    ) -> Iterator[tuple[DataPath, Outcome]]:
        """Yields every file with its outcome, when its results are written: first those with some.

        The results of the others are removed before the first prediction, unless another machine
        may be writing them: it has been given the same files if this one was taken for lost.
        """
        kept = {path for path in files if self.resume and self.folder.is_done(path)}
        missing = [path for path in files if path not in kept]
        if not self.is_shared:
            for path in missing:
                self.folder.forget(path)
        yield from ((path, Outcome(is_kept=True)) for path in files if path in kept)
        with tempfile.TemporaryDirectory() as scratch:
            yield from self._predicted(network, missing, Path(scratch))

    def _predicted(
        self, network: Replicas, files: Sequence[DataPath], scratch: Path
    ) -> Iterator[tuple[DataPath, Outcome]]:
        threads = network.num_devices

        def predict(item: _Item) -> _Item:
            return item.after(lambda: self._predict(item, network, scratch))

        def opened(path: DataPath) -> _Item:
            item = _Item(path, scratch / path.name if is_remote(path) else path)
            return item.after(lambda: self._open(item))

        read = ordered(opened, files, threads=threads)
        # With one device, this thread draws the items, and fewer of them wait.
        items = ordered(predict, read, threads=threads) if threads > 1 else map(predict, read)
        return ordered(self._write, items, threads=threads)

    def _open(self, item: _Item) -> _Item:
        if is_remote(item.path):
            fetch(item.path, item.file)
        orientation = self.folder.orientation
        picture = open_picture(item.file, orientation=orientation, selection=self.selection)
        names = self.channels or file_channel_names(item.file, self.selection)
        pixels, unused = _with_channels(picture.pixels, names, self.channel_names)
        return item._replace(pixels=pixels, unused=unused, is_turned=bool(picture.turned))

    def _predict(self, item: _Item, network: Replicas, scratch: Path) -> _Item:
        of_file = file_pixel_size(item.file, self.selection)
        stated = pixel_sizes.or_given(of_file, self.pixel_size)
        folder = scratch if self.is_shared else Path(str(self.folder.path))
        prediction = network.predict(item.pixels, pixel_size=stated.size or None, folder=folder)
        if network.pixel_size and stated.ignored:
            doubts = filter(None, (prediction.doubt, f"states {stated.ignored}"))
            prediction = prediction._replace(doubt="; it ".join(doubts))
        if self.cleanup:
            instances = self.cleanup.apply(prediction.instances)
            prediction = prediction._replace(instances=instances)
        return item._replace(prediction=prediction, pixel_size=stated.size)

    def _write(self, item: _Item) -> tuple[DataPath, Outcome]:
        if item.prediction:
            write = self.folder.publish if self.is_shared else self.folder.write
            write(item.file, item.pixels, item.prediction.instances, item.pixel_size)
        elif self.is_shared:
            self.folder.forget(item.path)
        if is_remote(item.path):
            item.file.unlink(missing_ok=True)
        return item.path, item.outcome()


class _Item(NamedTuple):
    """A file on its way: opened, then predicted.

    `file` is its local copy, `pixels` an array or `PictureWindows`, and `pixel_size` in
    micrometres, 0 where none is known.
    """

    path: DataPath
    file: Path
    pixels: Any = None
    is_turned: bool = False
    unused: tuple[str, ...] = ()
    prediction: Prediction | None = None
    pixel_size: float = 0.0
    reason: str = ""

    def after(self, step: Callable[[], _Item]) -> _Item:
        """Returns what a step makes of it, or why it is skipped: a damaged file, or tile of it."""
        if self.reason:
            return self
        try:
            return step()
        except checks.InputError as error:
            reason = str(error).replace(str(self.file), str(self.path))
            return self._replace(pixels=None, reason=reason)

    def outcome(self) -> Outcome:
        """Returns what is known of it without its pixels and ids."""
        prediction = self.prediction
        if prediction is None:
            return Outcome(reason=self.reason)
        return Outcome(
            doubt=prediction.doubt,
            is_turned=self.is_turned,
            is_approximate=prediction.is_approximate,
            is_resampled=prediction.is_resampled,
            unused=self.unused,
        )


def _with_channels(
    image: np.ndarray | PictureWindows, names: Sequence[str], wanted: Sequence[str]
) -> tuple[np.ndarray | PictureWindows, tuple[str, ...]]:
    """Returns an image with the wanted channels, in their order, if it has all of them.

    The names of those that it has beside them come second.
    """
    known = names_of(image.shape[-1], names)
    if len(known) != image.shape[-1]:
        raise checks.InputError(
            f"The image must have the channels {', '.join(known)}; got {list(image.shape)}."
        )
    if known == wanted or not set(wanted) <= set(known):
        return image, ()
    positions = [known.index(name) for name in wanted]
    rest = tuple(name for name in known if name not in wanted)
    if isinstance(image, PictureWindows):
        return image.with_channels(positions), rest
    return image[..., positions], rest
