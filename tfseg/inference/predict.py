"""Predicts image files and writes the results into a folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tfseg import atomic, calls, checks
from tfseg.channels import check_names
from tfseg.data.files import ORIENTATIONS
from tfseg.data.files.images import IMAGE_SUFFIXES, list_images
from tfseg.data.files.paths import DataPath, as_path, is_remote
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.drawing.display import Display
from tfseg.inference import beam
from tfseg.inference.cleanup import Cleanup
from tfseg.inference.replicas import Replicas
from tfseg.inference.result_folder import ResultFolder
from tfseg.inference.segmenter import Segmenter
from tfseg.inference.work import Outcome, Work
from tfseg.lengths import micrometres
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
        approximate: files in `done` that were predicted in tiles by a network that sees the whole
            image, so that their results differ from those of `tile=0`.

    Examples:
        >>> images = tfseg.sample.path() / "test" / "images"
        >>> first = sorted(images.iterdir())[:1]
        >>> report = tfseg.predict_files(tfseg.load("run"), first, "predicted")
        >>> len(report.done), report.skipped
        (1, [])
    """

    done: list[DataPath]
    kept: list[DataPath]
    skipped: list[tuple[DataPath, str]]
    num_instances: int
    doubts: list[tuple[DataPath, str]]
    turned: list[DataPath]
    unused: list[tuple[DataPath, tuple[str, ...]]]
    resampled: list[DataPath]
    approximate: list[DataPath]


@calls.check
def predict_files(
    segmenter: Segmenter,
    paths: Iterable[str | DataPath] | str | DataPath,
    destination: str | DataPath,
    *,
    formats: Collection[str] = (),
    cleanup: Cleanup | None = None,
    resume: bool = False,
    overwrite: bool = False,
    orientation: str = "apply",
    channels: Sequence[str] = (),
    selection: Selection = DEFAULT,
    display: Sequence[str] = (),
    overlay_ids: bool = True,
    pixel_size: float | str | None = None,
    devices: Sequence[str] = (),
    beam_options: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
    verbose: bool = True,
) -> PredictReport:
    """Writes an id map, an overlay and a table of instances for every image.

    `destination` gets labels/NAME.png (16-bit ids, or NAME.tif with 32 bits for more than 65,535
    ids or 16 million pixels, which has a pyramid), overlays/NAME.png, tables/NAME.csv with a row
    per instance, summaries/NAME.csv with the row of the image, digests/NAME.txt for `resume`, and
    instances.csv and images.csv with the rows of all images. A file that cannot be read is skipped
    and reported. The next file is read and the previous one written while the network works.

    Args:
        segmenter: a trained network.
        paths: an image file, a folder of them, or a list of both.
        destination: created if missing; without results of a prediction, unless `resume` or
            `overwrite`.
        formats: "geojson" adds geojson/NAME.geojson with polygons, for a GeoTIFF in its
            coordinates; "coco" and "coco_results" add coco.json and coco_results.json, annotations
            and results of all images; "parquet" adds instances.parquet, with the rows of
            instances.csv.
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
        overlay_ids: writes the ids of instances into overlays, where they fit.
        pixel_size: side of a pixel of all images, a number in micrometres or a text such as "0.3m";
            None takes those of the files. A network without one ignores it.
        devices: of this machine, such as GPU:0, each with a copy of the network; empty uses every
            visible GPU, or the CPU.
        beam_options: options of an Apache Beam pipeline, such as ["--runner=FlinkRunner"], which
            then predicts on many machines. They need the images and `destination` at the same
            paths. None: everything runs in this process.
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
    if devices and beam_options is not None:
        raise checks.InputError(
            "devices are of this machine, and beam_options of others. Leave one of them out; set "
            "CUDA_VISIBLE_DEVICES where the workers run."
        )
    files = image_files(paths)
    names = check_names("channels", channels)
    shown = Display(segmenter.channel_names, check_names("display", display))
    shown.check("display")
    made_with = f"{segmenter.digest()} {cleanup or Cleanup()} {orientation} {names} {shown.chosen}"
    given = None if pixel_size is None else micrometres("pixel_size", pixel_size)
    made_with += f" {given}"
    if not overlay_ids:
        made_with += " without ids in overlays"
    if selection != DEFAULT:
        made_with += f" {selection}"
    folder = ResultFolder(
        as_path(destination),
        formats,
        segmenter.class_names,
        made_with,
        shown,
        orientation,
        overlay_ids,
    )
    folder.check(files, resume=resume, overwrite=overwrite)
    work = Work(
        folder,
        segmenter.channel_names,
        cleanup,
        channels=names,
        selection=selection,
        pixel_size=given,
        resume=resume,
        is_shared=beam_options is not None or is_remote(folder.path),
    )
    # Both begin to work below, when the earlier results are removed.
    if beam_options is None:
        outcomes = work.outcomes(Replicas.of(segmenter, devices), files)
    else:
        outcomes = beam.outcomes(work, segmenter, files, options=beam_options)
    report = PredictReport([], [], [], 0, [], [], [], [], [])
    writing = atomic.writing(destination, "Choose another folder with --out.")
    with writing, image_progress("predict", on_progress, verbose=verbose) as show:
        folder.prepare(keep=resume)
        for count, (path, outcome) in enumerate(outcomes, 1):
            _add(report, path, outcome)
            # The outcomes of a pipeline come at its end: their speed would say nothing.
            if not outcome.is_kept and (beam_options is None or count == len(files)):
                show(count, len(files))
        skipped = {path for path, _ in report.skipped}
        num_instances = folder.finish([path for path in files if path not in skipped])
    return dataclasses.replace(report, num_instances=num_instances)


def _add(report: PredictReport, path: DataPath, outcome: Outcome) -> None:
    """Adds a file to the lists of a report."""
    if outcome.is_kept:
        report.kept.append(path)
    elif outcome.reason:
        report.skipped.append((path, outcome.reason))
    else:
        report.done.append(path)
        if outcome.doubt:
            report.doubts.append((path, outcome.doubt))
        if outcome.is_turned:
            report.turned.append(path)
        if outcome.unused:
            report.unused.append((path, tuple(outcome.unused)))
        if outcome.is_resampled:
            report.resampled.append(path)
        if outcome.is_approximate:
            report.approximate.append(path)


def image_files(paths: Iterable[str | DataPath] | str | DataPath) -> list[DataPath]:
    """Returns the given image files, and those directly in the given folders.

    Raises:
        InputError: no files, two with the same name, or a name that results cannot hold.
    """
    files: list[DataPath] = []
    for path in [paths] if isinstance(paths, str | DataPath) else paths:
        if not isinstance(path, str | DataPath):
            raise checks.InputError(
                f"paths must be image files or folders of them; got {checks.shown(path)}. "
                "Segmenter.predict takes an array."
            )
        files += _files_of(as_path(path))
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


def _files_of(path: DataPath) -> list[DataPath]:
    if not path.is_dir():
        return [path]
    if not is_remote(path):
        return [*list_images(path)]
    return sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
