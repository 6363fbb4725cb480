"""Converting image files with instance annotations into a data set of sharded records."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfseg import calls, checks
from tfseg.channels import check_names
from tfseg.checks import InputError
from tfseg.data.conversion import beam, encoding, finished_shards, regions, splits, writer
from tfseg.data.conversion.finished_shards import Skipped
from tfseg.data.conversion.formats import patterns
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    refuse_faults,
    without_source,
)
from tfseg.data.conversion.formats.detection import FORMATS, detect
from tfseg.data.conversion.formats.doubtful_ids import refuse_no_ids
from tfseg.data.dataset import tiles
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.image_codec import check_store
from tfseg.data.files import pixel_size as pixel_sizes
from tfseg.data.files.content import load
from tfseg.data.files.opening import file_channel_names, file_pixel_size
from tfseg.data.files.paths import DataPath, as_path
from tfseg.data.files.sizes import stored_size
from tfseg.lengths import micrometres
from tfseg.progress import OnProgress, image_progress
from tfseg.version import __version__

_DEFAULTS = Reading()
_IDS = ("label_maps", "cellpose")
_OWNERS = {  # of the options of some formats
    "masks": ("instance_masks",),
    "components": ("semantic", "nnunet", *_IDS),
    "crowd": ("coco", "coco_panoptic"),
    "ignore": (*_IDS, "cell_tracking"),
}


@calls.check
def convert(
    source: str | Path,
    destination: str | DataPath,
    *,
    format: str | None = None,
    images: str | None = None,
    labels: str | None = None,
    reading: Reading = _DEFAULTS,
    val_fraction: float = 0.0,
    test_fraction: float = 0.0,
    split_regions: int | None = None,
    seed: int = 0,
    groups: splits.Groups | None = None,
    split_table: str | Path | None = None,
    shard_size: int = 256,
    class_name: str | None = None,
    store: str = "png",
    channels: Sequence[str] = (),
    pixel_size: float | str | None = None,
    overwrite: bool = False,
    on_error: str = "fail",
    on_progress: OnProgress | None = None,
    verbose: bool = True,
    beam_options: Sequence[str] | None = None,
) -> Dataset:
    """Converts a folder of images with instances into a data set.

    The data set is written completely or not at all, and the same files give the same bytes. After
    a run that was killed or interrupted, the same call resumes: it keeps the finished shards.

    Args:
        source: folder in one of the layouts of `tfseg.data.conversion.formats`.
        destination: folder of the data set; new or empty. It may be remote, such as
            gs://bucket/folder.
        format: name of the layout; None: it is detected.
        images: pattern of the image files in `source`, such as "raw/{name}.tif", for files in none
            of the layouts. {name} is the id of the sample, {split} is train, val or test, and * is
            any text.
        labels: pattern of their files of ids, such as "rois/{name}_labels.tif"; both or neither.
        reading: how overlaps are resolved, and other options of a format.
        val_fraction: fraction of the images of `train` that is moved to `val`, in [0, 1). Whether
            an image is moved depends only on its id, or its group, and `seed`: images added later
            change nothing for the others.
        test_fraction: the same for `test`; together the two are below 1.
        split_regions: largest side in pixels, from 64 to 4096, of regions into which every image is
            cut. Each is a sample with the id ID/ROW_COLUMN, and the fractions move regions in place
            of images. What a border cuts of an instance is an instance, and counted in
            `DatasetInfo.cut_instances`. None: images stay whole.
        seed: seed of this choice.
        groups: images that must stay in one split, such as those of one patient: a function from
            the id to the group, a regular expression that finds the group in the id (its first
            group, or else the whole match), or a .csv file with the columns id and group.
        split_table: a .csv file with the columns id and split, for a source without splits.
        shard_size: largest number of images in one file, from 1 on; of a large image in tiles, each
            tile counts.
        class_name: name of the only class if the format has no classes; by default "object".
        store: how images are stored: "png", "raw" (fast to read, large), "jpeg:95" or another
            quality (small, changes pixels), or "original": PNG and JPEG files are copied if
            TensorFlow reads the same pixels, and others become PNG.
        channels: names of the channels of all images, in their order, such as ["red", "green",
            "blue", "nir"]; empty takes those of the files.
        pixel_size: side of a pixel of all images, a number in micrometres or a text such as "0.3m";
            None takes those of the files.
        overwrite: replaces a data set at `destination`, once the new one is complete.
        on_error: what to do with an image that cannot be used: "fail", or "skip", which lists it in
            skipped.csv of the data set and counts it in `DatasetInfo.skipped_images`.
        on_progress: called with (images done, images in total).
        verbose: shows the progress, in place on a terminal and in a notebook, else as lines.
        beam_options: options of an Apache Beam pipeline, such as ["--runner=FlinkRunner"], which
            then writes the same shards on many machines. They need `source` and `destination` at
            the same paths. None: everything runs in this process.

    Raises:
        InputError: a file, option or path that cannot be used; names it, the rule and the remedy.

    Examples:
        >>> files = tfseg.sample.path()
        >>> dataset = tfseg.convert(files, "nuclei", class_name="nucleus", val_fraction=0.05)
        >>> list(dataset.info.splits)
        ['train', 'val', 'test']
    """
    source, destination = Path(source), as_path(destination)
    if class_name is not None and not (isinstance(class_name, str) and class_name.strip()):
        raise InputError(
            f"class_name must be a name of what the instances are; got {checks.shown(class_name)}. "
            "Give one, such as nucleus."
        )
    if format is not None:
        checks.one_of("format", format, FORMATS)
    checks.one_of("on_error", on_error, ("fail", "skip"))
    check_store(store)
    if split_regions is not None:
        regions.check_side(split_regions)
    channels = check_names("channels", channels)
    size = None if pixel_size is None else micrometres("pixel_size", pixel_size)
    given = patterns.Patterns.given(images, labels)
    layout = _layout(source, format, given, reading)
    files = given or FORMATS[layout]
    index = files.find(source, reading)
    if on_error == "fail":
        refuse_faults(index.splits)
    if format is None and layout in _IDS and not reading.components:
        sound = [item for items in index.splits.values() for item in items if not item.fault]
        refuse_no_ids(source, [item.annotations for item in sound], layout=layout, reading=reading)
    if index.class_names and class_name is not None:
        raise InputError(
            f"class_name is for formats without classes; {source} has {len(index.class_names)}: "
            f"{', '.join(index.class_names[:3])}. Leave class_name out."
        )
    if split_regions is not None:
        index = index._replace(splits=regions.cut_items(index.splits, reading, split_regions))
        if on_error == "fail":
            refuse_faults(index.splits)
    arranged = splits.assign_splits(
        index.splits,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        seed=seed,
        groups=groups,
        table=split_table,
    )
    class_names = index.class_names or (class_name or "object",)
    ids = {name: [(item.id, item.group) for item in items] for name, items in arranged.items()}
    encode = _encode if on_error == "fail" else functools.partial(_encode_or_skip, source=source)
    stored: dict[str, Any] = {"store": store, "channels": channels, "pixel_size": size}
    contents = writer.Contents(
        source,
        arranged,
        functools.partial(encode, reader=regions.ItemReader(files.read, reading), **stored),
        source_format=layout,
        class_names=class_names,
        options=_options(reading)
        | {
            "images": images,
            "labels": labels,
            "val_fraction": val_fraction,
            "test_fraction": test_fraction or None,
            "split_regions": split_regions,
            "seed": seed,
            "groups": splits.description(groups),
            "split_table": splits.description(split_table),
            "shard_size": shard_size,
            "store": store,
            "pixel_size": size,
        },
        shard_size=shard_size,
        num_records=_num_records,
        notes=index.notes,
        key=finished_shards.key(
            *(source, __version__, layout, given, reading, class_names, ids, on_error),
            *stored.values(),
        ),
    )
    with image_progress("convert", on_progress, verbose=verbose) as report:
        return writer.write_dataset(
            contents,
            destination,
            overwrite=overwrite,
            on_progress=report,
            write_parts=(
                None
                if beam_options is None
                else functools.partial(beam.write_parts, options=beam_options)
            ),
        )


def _options(reading: Reading) -> dict[str, Any]:
    """Returns the options of a reading by name, of the selection those that were chosen."""
    values = {field.name: getattr(reading, field.name) for field in dataclasses.fields(reading)}
    return values | {"selection": None} | reading.selection.chosen()


def _num_records(item: Item[Any]) -> int:
    size = item.cut.shape if item.cut else stored_size(item.image)
    return tiles.num_records(size, tiles.SIDE) if size else 1


def _encode(
    item: Item[Any],
    *,
    reader: regions.ItemReader,
    store: str,
    channels: tuple[str, ...],
    pixel_size: float | None,
) -> writer.Encoded:
    if item.fault:
        raise InputError(item.fault)
    selection = reader.reading.selection
    encoded = encoding.encode(
        item.id,
        reader(item),
        name=item.image,
        channel_names=channels or file_channel_names(item.image, selection),
        store=store,
        original=load(item.image) if store == "original" and not item.cut else b"",
        pixel_size=pixel_sizes.or_given(file_pixel_size(item.image, selection), pixel_size),
    )
    return encoded.serialized(group=item.group, source_sha256=reader.sha256(item))


def _encode_or_skip(item: Item[Any], *, source: Path, **options: Any) -> writer.Encoded | Skipped:
    try:
        return _encode(item, **options)
    except InputError as error:
        # Relative paths: the data set must not depend on the path of the source.
        reason = without_source(str(error), source)
        return Skipped(os.path.relpath(item.image, source), reason)


def _layout(
    source: Path, format: str | None, given: patterns.Patterns | None, reading: Reading
) -> str:
    """Returns the name of the layout, whose options alone may be given."""
    if given is None:
        layout = format or ("instance_masks" if reading.masks is not None else detect(source))
    elif format in (None, patterns.LAYOUT):
        layout = patterns.LAYOUT
    else:
        raise InputError(
            f"images and labels name files of {patterns.LAYOUT}; got the format {format}. Leave it "
            "out."
        )
    _refuse_unused(layout, reading)
    return layout


def _refuse_unused(layout: str, reading: Reading) -> None:
    for option, owners in _OWNERS.items():
        if getattr(reading, option) != getattr(_DEFAULTS, option) and layout not in owners:
            raise InputError(
                f"{option} is an option of the format {' and '.join(owners)}; the source is "
                f"{layout}. Leave it out, or say format {owners[0]}."
            )
