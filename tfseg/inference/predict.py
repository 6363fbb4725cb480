"""Predicts image files and writes the results into a folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tfseg import atomic, calls, checks
from tfseg.channels import check_names, names_of
from tfseg.data.files import ORIENTATIONS
from tfseg.data.files import pixel_size as pixel_sizes
from tfseg.data.files.images import list_images
from tfseg.data.files.opening import file_channel_names, file_pixel_size, open_picture
from tfseg.data.files.picture_windows import PictureWindows
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.drawing.display import Display
from tfseg.inference.cleanup import Cleanup
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import ResultFolder
from tfseg.inference.segmenter import Segmenter
from tfseg.lengths import micrometres
from tfseg.ordered_map import ordered
from tfseg.progress import OnProgress, image_progress


@dataclasses.dataclass(frozen=True)
class PredictReport(metaclass=calls.Public):
    """Which files were predicted.

    Attributes:
        done: files predicted in this call.
        kept: files that already had results, with `resume`.
        skipped: files that could not be read, each with the reason.
        num_instances: in all images that are done or kept.
        doubts: files in `done` with unusual values, each with what `Segmenter.predict_with_doubt`
            says of it.
        turned: files in `done` that were turned upright by their orientation tags, and whose
            results have the size and the coordinates of the upright picture.
        resampled: files in `done` with another pixel size than the network's, which were brought to
            it; their results have the size of the file.
        unused: files in `done` with channels that the network does not take, each with their names.

    Examples:
        >>> images = tfseg.sample.path() / "test" / "images"
        >>> first = sorted(images.iterdir())[:1]
        >>> report = tfseg.predict_files(tfseg.load("run"), first, "predicted")
        >>> len(report.done), report.skipped
        (1, [])
    """

    done: list[Path]
    kept: list[Path]
    skipped: list[tuple[Path, str]]
    num_instances: int
    doubts: list[tuple[Path, str]]
    turned: list[Path]
    unused: list[tuple[Path, tuple[str, ...]]]
    resampled: list[Path]


@calls.check
def predict_files(
    segmenter: Segmenter,
    paths: Iterable[str | Path] | str | Path,
    destination: str | Path,
    *,
    formats: Collection[str] = (),
    cleanup: Cleanup | None = None,
    resume: bool = False,
    overwrite: bool = False,
    orientation: str = "apply",
    channels: Sequence[str] = (),
    selection: Selection = DEFAULT,
    display: Sequence[str] = (),
    pixel_size: float | str | None = None,
    on_progress: OnProgress | None = None,
    verbose: bool = True,
) -> PredictReport:
    """Writes an id map, an overlay and a table of instances for every image.

    `destination` gets labels/NAME.png (16-bit ids, or NAME.tif with 32 bits for more than 65,535
    ids or 16 million pixels, which has a pyramid), overlays/NAME.png, tables/NAME.csv with one row
    per instance, digests/NAME.txt for `resume`, and instances.csv with the rows of all images. A
    file that cannot be read is skipped and reported. The next file is read and the previous one
    written while the network works.

    Args:
        segmenter: a trained network.
        paths: an image file, a folder of them, or a list of both.
        destination: created if missing; without results of a prediction, unless `resume` or
            `overwrite`.
        formats: "geojson" adds geojson/NAME.geojson with polygons, for a GeoTIFF in its
            coordinates; "coco" and "coco_results" add coco.json and coco_results.json, annotations
            and results of all images.
        cleanup: of the predicted ids; None changes nothing.
        resume: skip images that have all their results, made of the same content of the image by
            the same weights, thresholds and options. The folder must not have results of images or
            formats that are not given, so that its tables are of all its results.
        overwrite: remove the earlier results in `destination` first.
        orientation: "apply" turns images upright by the orientation tags of their files, and all
            results are of the upright picture; "ignore" takes them as they are stored.
        channels: names of the channels of all images, in their order; empty takes those of the
            files. Those of the network are found by name; without their names, the images must have
            as many channels as the network, in its order.
        selection: which level and page of TIFF files; the results are those of the level.
        display: names of the channels of the network that overlays show, such as ["nir", "red",
            "green"]: three become red, green and blue; empty: channels of these names, else all, in
            a colour each.
        pixel_size: side of a pixel of all images, a number in micrometres or a text such as "0.3m";
            None takes those of the files. A network without one ignores it.
        on_progress: called with (files done, number of files).
        verbose: shows the progress, in place on a terminal and in a notebook, else as lines.

    Raises:
        InputError: no images, two of the same name, an unknown format, or `destination` is
            not writable or has other results.

    Examples:
        >>> images = tfseg.sample.path() / "test" / "images"
        >>> first = sorted(images.iterdir())[:1]
        >>> report = tfseg.predict_files(tfseg.load("run"), first, "results", formats=["coco"])
        >>> len(report.done)
        1
    """
    checks.one_of("orientation", orientation, ORIENTATIONS)
    files = image_files(paths)
    names = check_names("channels", channels)
    shown = Display(segmenter.channel_names, check_names("display", display))
    shown.check("display")
    made_with = f"{segmenter.digest()} {cleanup or Cleanup()} {orientation} {names} {shown.chosen}"
    given = None if pixel_size is None else micrometres("pixel_size", pixel_size)
    made_with += f" {given}"
    if selection != DEFAULT:
        made_with += f" {selection}"
    folder = ResultFolder(
        Path(destination), formats, segmenter.class_names, made_with, shown, orientation
    )
    folder.check(files, resume=resume, overwrite=overwrite)
    turned: set[Path] = set()
    doubts: dict[Path, str] = {}
    unused: dict[Path, tuple[str, ...]] = {}
    resampled: set[Path] = set()

    def read(path: Path) -> np.ndarray | PictureWindows:
        picture = open_picture(path, orientation=orientation, selection=selection)
        if picture.turned:
            turned.add(path)
        known = names or file_channel_names(path, selection)
        image, rest = _with_channels(picture.pixels, known, segmenter.channel_names)
        if rest:
            unused[path] = rest
        return image

    def predict(path: Path, image: np.ndarray | PictureWindows) -> Instances:
        stated = pixel_sizes.or_given(file_pixel_size(path, selection), given)
        size = stated.size or None
        instances, doubt = segmenter.predict_with_doubt(image, pixel_size=size, folder=folder.path)
        if segmenter.pixel_size and stated.ignored:
            ignored = f"states {stated.ignored}"
            doubt = f"{doubt}; it {ignored}" if doubt else ignored
        if segmenter.factor(size) != 1:
            resampled.add(path)
        if doubt:
            doubts[path] = doubt
        return cleanup.apply(instances) if cleanup else instances

    writing = atomic.writing(destination, "Choose another folder with --out.")
    with writing, image_progress("predict", on_progress, verbose=verbose) as report:
        folder.prepare(keep=resume)
        kept = [path for path in files if resume and folder.is_done(path)]
        missing = [path for path in files if path not in set(kept)]
        for path in missing:
            folder.forget(path)
        skipped = []
        for count, (path, reason) in enumerate(
            _work(read, predict, missing, folder), len(kept) + 1
        ):
            if reason:
                skipped.append((path, reason))
            report(count, len(files))
        failed = {path for path, _ in skipped}
        num_instances = folder.finish([path for path in files if path not in failed])
    done = [path for path in missing if path not in failed]
    return PredictReport(
        done,
        kept,
        skipped,
        num_instances,
        doubts=[(path, doubts[path]) for path in done if path in doubts],
        turned=[path for path in done if path in turned],
        unused=[(path, unused[path]) for path in done if path in unused],
        resampled=[path for path in done if path in resampled],
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


def _work(
    read: Callable[[Path], np.ndarray | PictureWindows],
    predict: Callable[[Path, np.ndarray | PictureWindows], Instances],
    files: Iterable[Path],
    folder: ResultFolder,
) -> Iterator[tuple[Path, str]]:
    """Yields every file when its results are written, or with the reason why it was skipped."""

    def opened(path: Path) -> tuple[Path, np.ndarray | PictureWindows | str]:
        try:
            return path, read(path)
        except checks.InputError as error:
            return path, str(error)

    def predictions() -> Iterator[tuple[Path, tuple[np.ndarray | PictureWindows, Instances] | str]]:
        for path, image in ordered(opened, files, threads=1):
            try:
                yield path, image if isinstance(image, str) else (image, predict(path, image))
            except checks.InputError as error:  # a damaged tile of the file
                yield path, str(error)

    def write(
        item: tuple[Path, tuple[np.ndarray | PictureWindows, Instances] | str],
    ) -> tuple[Path, str]:
        path, result = item
        if isinstance(result, str):
            return path, result
        folder.write(path, *result)
        return path, ""

    # The network runs in this thread, which draws the items; two others read and write.
    return ordered(write, predictions(), threads=1)


def image_files(paths: Iterable[str | Path] | str | Path) -> list[Path]:
    """Returns the given image files, and those directly in the given folders.

    Raises:
        InputError: no files, two with the same name, or a name that results cannot hold.
    """
    files: list[Path] = []
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    for path in paths:
        if not isinstance(path, str | Path):
            raise checks.InputError(
                f"paths must be image files or folders of them; got {checks.shown(path)}. "
                "Segmenter.predict takes an array."
            )
    for path in map(Path, paths):
        files += list_images(path) if path.is_dir() else [path]
    for path in files:
        checks.file_name(path, path.name)
    if not files:
        raise checks.InputError(
            "There are no images to predict. Give image files or folders of them."
        )
    twice = [stem for stem, count in Counter(path.stem for path in files).items() if count > 1]
    if twice:
        raise checks.InputError(
            f"Two images are called {twice[0]}, so their results would overwrite each other. "
            "Predict them into different folders."
        )
    return files
