"""The folder with the results of a prediction: files per image, and files for all images."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from tfseg import atomic, checks
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.files.georeference import read_georeference
from tfseg.data.files.images import read_label, write_label, write_picture
from tfseg.data.files.limits import LARGE
from tfseg.data.files.paths import (
    DataPath,
    files_in,
    local_copy,
    publish,
    remove_folder,
    replacing,
)
from tfseg.data.files.pyramid import write_pyramid
from tfseg.drawing.display import PLAIN, Display
from tfseg.drawing.numbers import write_ids
from tfseg.drawing.overlays import overlay, thinned, thinning
from tfseg.inference import coco, geojson, json_stream, parquet, tables
from tfseg.inference.instances import Instances
from tfseg.large_arrays import Windows

FORMATS = ("coco", "coco_results", "geojson", "parquet")
_DIGESTS = "digests"  # folder with what the results of each image were made of
_KINDS = {"overlays": ".png", **dict.fromkeys(("tables", "summaries"), ".csv")}
_KINDS |= {"geojson": ".geojson", _DIGESTS: ".txt"}
_TABLE, _IMAGES, _PARQUET = "instances.csv", "images.csv", "instances.parquet"
_SHARED = (_TABLE, _IMAGES, "coco.json", "coco_results.json", _PARQUET)  # of all images
_FORMAT_OF = {_PARQUET: "parquet", "coco.json": "coco", "coco_results.json": "coco_results"}
_LABEL_SUFFIXES = (".png", ".tif")  # what write_label adds
OVERLAY_SIDE = 4096  # pixels; drawing a full overlay of 10,000 x 10,000 pixels takes a gigabyte


@dataclasses.dataclass(frozen=True)
class ResultFolder:
    """The files of a prediction.

    Attributes:
        path: the folder.
        formats: additional files besides ids, overlays and tables: any of `FORMATS`.
        class_names: of the classes 1, 2, ...
        made_with: digest of the network and the options of the prediction.
        display: which channels of an image its overlay shows, and how.
        orientation: "ignore" if the images are not turned upright by the tags of their files.
        overlay_ids: overlays have the ids of the instances that are large enough for them.

    Raises:
        InputError: an unknown format, or one whose library is not installed.
    """

    path: DataPath
    formats: Collection[str] = ()
    class_names: Sequence[str] = ("instance",)
    made_with: str = ""
    display: Display = PLAIN
    orientation: str = "apply"
    overlay_ids: bool = True

    def __post_init__(self) -> None:
        """Checks the formats, and whether their libraries are installed."""
        for name in self.formats:
            checks.one_of("format", name, FORMATS)
        if "parquet" in self.formats:
            parquet.check_installed()

    def check(self, images: Collection[DataPath], *, resume: bool, overwrite: bool) -> None:
        """Checks that the results of `images` can be written without hiding or mixing others.

        Args:
            images: all files that will have results.
            resume: results of these images, and of no others, may be in the folder.
            overwrite: earlier results may be replaced.

        Raises:
            InputError: there are results, and neither is given; with `resume`, results of other
                images or formats; or files that no prediction wrote.
        """
        present = [name for name in ("labels", *_KINDS, *_SHARED) if (self.path / name).exists()]
        if resume and overwrite:
            raise checks.InputError("resume and overwrite exclude each other. Choose one.")
        if not resume:
            atomic.check_free(self.path, present, overwrite=overwrite)
        if present and not (self.path / _DIGESTS).is_dir():
            raise checks.InputError(
                f"{self.path} has {checks.listed(present)}, and not of a prediction, which leaves "
                f"{_DIGESTS}/ there. Choose another folder."
            )
        if resume and (foreign := sorted(self._foreign(images))):
            raise checks.InputError(
                f"{self.path} has results that this prediction would not renew: "
                f"{checks.listed(foreign)}. Give all images and formats of the earlier prediction, "
                "too, or choose another folder."
            )

    def _foreign(self, images: Collection[DataPath]) -> Iterator[str]:
        """Yields names of results that are not of `images` and `formats`."""
        stems, kinds = {image.stem for image in images}, {"labels", _DIGESTS, *self._suffixes()}
        for name in _FORMAT_OF:
            if _FORMAT_OF[name] not in self.formats and (self.path / name).exists():
                yield name
        for kind in ("labels", *_KINDS):
            for file in files_in(self.path / kind):
                is_rest = file.suffix == ".partial"  # of a prediction that was killed
                if not is_rest and (file.stem not in stems or kind not in kinds):
                    yield f"{kind}/{file.name}"

    def prepare(self, *, keep: bool) -> None:
        """Creates the folders, without the results of earlier predictions, unless they are kept.

        The files for all images are removed in any case, until `finish` writes them: they would
        describe other results than those in the folder.
        """
        if not keep:
            for folder in ("labels", *_KINDS):  # the digests last: they mark the folder
                remove_folder(self.path / folder)
        else:
            for kind in ("labels", *_KINDS):
                for file in files_in(self.path / kind):
                    if file.suffix == ".partial":
                        file.unlink(missing_ok=True)
        for name in _SHARED:
            (self.path / name).unlink(missing_ok=True)
        for folder in (_DIGESTS, "labels", *self._suffixes()):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    def forget(self, image: DataPath) -> None:
        """Removes all results of an image: it is no longer done."""
        for path in (self._digest(image), *self._labels(image), *self._others(image).values()):
            path.unlink(missing_ok=True)

    def is_done(self, image: DataPath) -> bool:
        """Returns whether all files of `image` exist, of its present content and `made_with`."""
        has_label = any(path.is_file() for path in self._labels(image))
        if not (has_label and all(path.is_file() for path in self._others(image).values())):
            return False
        try:
            return self._digest(image).read_text(encoding="utf-8") == self._key(image)
        except OSError:  # no digest, or no image: the prediction says why
            return False

    def write(
        self,
        image: Path,
        pixels: np.ndarray | Windows,
        instances: Instances,
        pixel_size: float = 0.0,
    ) -> None:
        """Writes the files of one image, each atomically, and its digest last.

        Args:
            image: its file; the results are named after it.
            pixels: `[H, W, C]`. With a side above 4,096, the overlay shows every second pixel, or
                every third, and so on.
            instances: predicted for it.
            pixel_size: side of a pixel in micrometres; 0 where none is known.
        """
        label = instances.labels
        table = tables.instance_table(image.name, instances, pixel_size)
        summary = tables.image_table(image.name, table["area"], label.shape, pixel_size)
        # These are on the disk of this machine; `publish` copies them to others.
        files = {kind: Path(str(path)) for kind, path in self._others(image).items()}
        small = pixels[thinning(label.shape, OVERLAY_SIDE)]
        ids = thinned(label, OVERLAY_SIDE)
        picture = overlay(small, ids, display=self.display)
        write_picture(files["overlays"], write_ids(picture, ids) if self.overlay_ids else picture)
        for kind, rows in {"tables": table, "summaries": summary}.items():
            with atomic.replacing(files[kind], durable=False) as path:
                rows.to_csv(path, index=False)
        if "geojson" in files:
            reference = read_georeference(image, orientation=self.orientation, shape=label.shape)
            geojson.write(files["geojson"], label, table, self.class_names, reference)
        path = Path(str(self._label(image, "")))
        _ = write_pyramid(path, label) if label.size > LARGE else write_label(path, label)
        atomic.write_text(self._digest(image), self._key(image))

    def publish(
        self,
        image: Path,
        pixels: np.ndarray | Windows,
        instances: Instances,
        pixel_size: float = 0.0,
    ) -> None:
        """Writes the files of one image as `write` does, to where other machines see them.

        They are made on the disk of this machine and then copied, the digest last. Another machine
        may publish the same image at the same time, with the same bytes.
        """
        with tempfile.TemporaryDirectory() as scratch:
            made = dataclasses.replace(self, path=Path(scratch))
            made.prepare(keep=False)
            made.write(image, pixels, instances, pixel_size)
            for kind in ("labels", *self._suffixes(), _DIGESTS):
                for file in (Path(scratch) / kind).iterdir():
                    publish(file, self.path / kind / file.name)
            for earlier, label in zip(self._labels(image), made._labels(image), strict=True):
                if not label.exists():  # of other content or options: it has another suffix
                    earlier.unlink(missing_ok=True)

    def finish(self, images: Sequence[DataPath]) -> int:
        """Writes the files for all `images`, which are done; returns the number of instances."""
        with replacing(self.path / _IMAGES) as partial:
            tables.join(self._all("summaries", images), partial, tables.no_images())
        with replacing(self.path / _TABLE) as partial:
            count = tables.join(self._all("tables", images), partial, tables.no_instances())
            if "parquet" in self.formats:
                with replacing(self.path / _PARQUET) as other:
                    parquet.write(other, partial, tables.no_instances())
        if {"coco", "coco_results"} & set(self.formats):
            self._write_coco(images)
        return count

    def _write_coco(self, images: Sequence[DataPath]) -> None:
        ids = coco.image_ids(image.name for image in images)
        if "coco" in self.formats:
            entries = self._coco_entries(images, ids)
            described = self._coco_images(images, ids)
            content = coco.annotation_file(described, entries, class_names=self.class_names)
            with replacing(self.path / "coco.json") as file:
                json_stream.write(file, content)
        if "coco_results" in self.formats:
            with replacing(self.path / "coco_results.json") as file:
                json_stream.write(file, self._coco_entries(images, ids))

    def _coco_images(
        self, images: Iterable[DataPath], ids: Mapping[str, int]
    ) -> Iterator[dict[str, Any]]:
        for image in images:
            height, width = _size(self._present_label(image))
            named = {"id": ids[image.name], "file_name": image.name}
            yield {**named, "height": height, "width": width}

    def _coco_entries(
        self, images: Iterable[DataPath], ids: Mapping[str, int]
    ) -> Iterator[dict[str, Any]]:
        for image in images:
            with local_copy(self._present_label(image)) as file:
                label = read_label(file)
            with local_copy(self._others(image)["tables"]) as file:
                table = pd.read_csv(file)
            yield from coco.results(label, table, ids[image.name], image.name)

    def _present_label(self, image: DataPath) -> DataPath:
        (path,) = (file for file in self._labels(image) if file.is_file())
        return path

    def _key(self, image: DataPath) -> str:
        """Returns the SHA-256 of `made_with` and the file of an image, in hex digits."""
        return hashlib.sha256(f"{self.made_with} {file_sha256(image)}".encode()).hexdigest()

    def _digest(self, image: DataPath) -> DataPath:
        return self.path / _DIGESTS / f"{image.stem}.txt"

    def _labels(self, image: DataPath) -> Iterator[DataPath]:
        return (self._label(image, suffix) for suffix in _LABEL_SUFFIXES)

    def _label(self, image: DataPath, suffix: str) -> DataPath:
        return self.path / "labels" / f"{image.stem}{suffix}"

    def _others(self, image: DataPath) -> dict[str, DataPath]:
        """Returns the files of an image besides its id map, by their kind."""
        suffixes = self._suffixes()
        return {kind: self.path / kind / (image.stem + end) for kind, end in suffixes.items()}

    def _all(self, kind: str, images: Iterable[DataPath]) -> Iterator[DataPath]:
        return (self._others(image)[kind] for image in images)

    def _suffixes(self) -> dict[str, str]:
        kinds = [
            "overlays",
            "tables",
            "summaries",
            *(["geojson"] if "geojson" in self.formats else []),
        ]
        return {kind: _KINDS[kind] for kind in kinds}


def _size(path: DataPath) -> tuple[int, ...]:
    """Returns height and width of an id map; a large one is not read."""
    with local_copy(path) as local:
        if local.suffix == ".png":
            return read_label(local).shape
        with tifffile.TiffFile(local) as file:
            return file.pages.first.shape
