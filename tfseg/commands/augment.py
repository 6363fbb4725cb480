"""Shows augmented images: examples of a policy (preview), or one sample of a training (replay).

Both actions have their options: tfseg augment preview --help, tfseg augment replay --help.

Example: tfseg augment preview nuclei 00071198d059 --out preview.png
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg.commands import options, results
from tfseg.commands.options import Parser
from tfseg.commands.output import print_json
from tfseg.config import RunConfig, read
from tfseg.run_files import CONFIG

OVERLAY = "overlay.png"

if TYPE_CHECKING:
    import numpy as np


def add_options(parser: Parser) -> None:
    """Declares the actions and their options."""
    actions = parser.add_subcommands(metavar="ACTION", dest="action")
    for action, declare in {preview: _preview_options, replay: _replay_options}.items():
        name, text = action.__name__, inspect.getdoc(action) or ""
        subparser = Parser(description=text)
        declare(subparser)
        actions.add_subcommand(name, subparser, help=text.partition("\n")[0])
        options.name(subparser, f"tfseg augment {name}")


def _preview_options(parser: Parser) -> None:
    add = parser.add_argument
    add("source", metavar="SOURCE", type=Path, help="image file, or data set made by convert")
    add("which", metavar="WHICH", help="label file of the image, or id of the sample")
    add("--out", metavar="FILE", type=Path, required=True, help="the picture, a PNG file")
    add("--count", type=int, default=6, help="random examples in each row")
    options.add_display(parser)
    results.add_overwrite(parser, "an earlier picture")
    options.add_run_config(parser)


def _replay_options(parser: Parser) -> None:
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("run", metavar="RUN", type=Path, help="folder of a run, or a configuration file")
    add("sample_id", metavar="SAMPLE", help="id of the sample, in the split train")
    add("--epoch", type=int, default=0, help="pass over the data, counted from 0")
    add("--out", metavar="DIR", type=Path, required=True, help="output folder, made here")
    results.add_overwrite(parser, "an earlier replay in DIR")


def run(*, action: str, **values: Any) -> int:
    """Runs the action."""
    return preview(**values) if action == "preview" else replay(**values)


def preview(
    *,
    source: Path,
    which: str,
    out: Path,
    count: int,
    display: str,
    overwrite: bool,
    config: RunConfig,
) -> int:
    """Draws a crop of an image, and random examples of the policy and of each transform alone.

    SOURCE and WHICH are an image and its label map, or a data set and a sample of its split train.
    Pictures have the size --data.crop_size and are augmented as in training, from --seed. Values in
    [0, 1] are shown unchanged, with the outlines of the labels; ignored pixels are darker.

    Example: tfseg augment preview a.png a-ids.png --out preview.png --data.crop_size 192
    """
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.files.images import write_picture
    from tfseg.data.pipeline.normalization import resolved
    from tfseg.evaluation.previews import preview as draw

    results.check_new(out.parent, [out.name], overwrite=overwrite)
    image, label = _sample(source, which, config)
    if source.is_dir():
        dataset = Dataset.open(source).with_channels(config.data.channels)
        config = dataclasses.replace(config, model=resolved(config.model, dataset))
    write_picture(out, draw(image, label, config, count=count, display=options.names(display)))
    print(f"picture: {out}")
    return 0


def replay(
    *, dataset: Path, run: Path, sample_id: str, epoch: int, out: Path, overwrite: bool
) -> int:
    """Repeats one sample of one epoch as in training, bit for bit, and prints the draw.

    RUN is the folder of the run, or a file with its configuration. DIR gets image.tif (float32),
    ids.tif (int32, -1 where ignored), overlay.png to look at, and draw.json.

    Example: tfseg augment replay nuclei runs/first 00071198d059 --epoch 3 --out replayed
    """
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.files.images import write_picture
    from tfseg.data.pipeline.replay import FILES
    from tfseg.data.pipeline.replay import replay as repeat
    from tfseg.drawing.display import Display
    from tfseg.evaluation.previews import draw_outlines

    results.check_new(out, (*FILES, OVERLAY), overwrite=overwrite)
    opened = Dataset.open(dataset)
    config = read(run / CONFIG if run.is_dir() else run)
    sample = repeat(opened, config, sample_id, epoch)
    sample.write(out)
    names = opened.with_channels(config.data.channels).info.channel_names
    example = {"image": sample.image, "label": sample.label}
    write_picture(out / OVERLAY, draw_outlines(example, Display(names)))
    print_json(sample.draw())
    return 0


def _sample(source: Path, which: str, config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    """Reads image `[H, W, C]` and ids `[H, W]` from two files, or from a sample of a data set."""
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.files import images, pixels
    from tfseg.data.pipeline.replay import find_image

    if source.is_dir():
        dataset = Dataset.open(source).with_channels(config.data.channels)
        (stored,) = dataset.images("train", [find_image(dataset, which)])
        return stored.arrays()
    label = images.read_label(which)
    image = images.read_image(source, size=label.shape)
    images.same_size(source, image.shape[:2], Path(which), label)
    return pixels.to_channels(image, config.model.channels or image.shape[-1]), label
