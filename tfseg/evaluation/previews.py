"""A picture of an augmentation policy: draws of the policy and of every transform alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tfseg import calls, checks, random
from tfseg.augment import Transform, to_spec
from tfseg.augment.base import Example
from tfseg.augment.compose import name_each
from tfseg.augment.spec import plan
from tfseg.autograph import no_autograph
from tfseg.config import RunConfig
from tfseg.data.files.pixels import standard_type
from tfseg.data.pipeline import crops, stages
from tfseg.data.pipeline.normalization import Normalization
from tfseg.data.pipeline.objects import in_label
from tfseg.data.pipeline.sources import InMemory
from tfseg.drawing.display import PLAIN, Display
from tfseg.drawing.overlays import GAP, overlay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 100
_TEXT = 12  # pixels, the size of the captions
Row = tuple[str, list[np.ndarray]]


def preview(
    image: np.ndarray,
    label: np.ndarray,
    config: RunConfig,
    *,
    count: int = 6,
    display: Sequence[str] = (),
) -> np.ndarray:
    """Draws a crop of an image with `count` draws of the policy and of each transform alone.

    The crop is cut as in training and contains an instance. Every column has one seed, so a
    transform that occurs once in the policy draws the same random numbers alone and in the policy.

    Args:
        image: `[H, W, C]`, any real dtype; brought to [0, 1] as in training.
        label: `[H, W]` integer ids, 0 = background.
        config: its seed, crop size and transforms are used.
        count: draws per row, in [1, 100].
        display: names of the channels that are shown, of model.channel_names; empty: as in
            `Display`.

    Returns:
        `[h, w, 3]` uint8: outlines in the colours of the ids, ignored pixels darker.

    Raises:
        InputError: a transform or its parameters are wrong, or do not fit this image, or it has NaN
            or infinite pixels.
    """
    checks.integer("count", count, low=1, high=100)
    if np.shape(image)[:2] != np.shape(label) or not np.size(label):
        raise checks.InputError(
            f"image and label must be [H, W, C] and [H, W] of one size; got {checks.shown(image)} "
            f"and {checks.shown(label)}. Read the files."
        )
    shown = Display(config.model.channel_names, tuple(display))
    shown.check("display")
    transforms, _, sampling = plan(config.augment)
    size = config.data.crop_size
    seed = random.root(config.seed)
    chain, margin = stages.crop_chain(transforms, size, sampling)
    crop_seed = random.for_name(seed, "crop")
    shape = tf.constant(np.shape(label), tf.int32)
    objects = in_label(tf.constant(label))
    corner = crops.draw(objects, shape, size, foreground_share=1.0, seed=crop_seed)
    model = dataclasses.replace(config.model, channels=image.shape[-1])
    normalized = Normalization.of(model)(tf.constant(standard_type("The image", image)))
    source = InMemory(normalized, tf.constant(label))
    windows = [
        crops.window(corner, shape, size, margin=width, border=sampling.border)
        for width in (0, margin)
    ]
    still, window = (
        crops.cut(source.patch(part), part.beyond, sampling=sampling) for part in windows
    )
    rows = [
        ("image", [draw_outlines(still, shown)]),
        ("all", draw_samples(chain, window, shown, seed=seed, count=count)),
    ]
    for name, transform in name_each(transforms):
        always = dataclasses.replace(transform, **{"p": 1.0})
        alone, _ = stages.crop_chain([always], size, sampling)
        pictures = draw_samples(alone, window, shown, seed=seed, count=count)
        rows.append((f"{name}  {parameter_text(transform)}", pictures))
    return stack_rows(rows)


@overload
def plot_augmentations(
    image: np.ndarray, label: np.ndarray, config: RunConfig, *, count: int = 6, ax: None = None
) -> Figure: ...
@overload
def plot_augmentations(
    image: np.ndarray, label: np.ndarray, config: RunConfig, *, count: int = 6, ax: Axes
) -> Axes: ...
@calls.check
def plot_augmentations(
    image: np.ndarray,
    label: np.ndarray,
    config: RunConfig,
    *,
    count: int = 6,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Plots the picture of `preview`, pixel by pixel, with matplotlib.

    Args:
        image: `[H, W, C]`, any real dtype, 1 or 3 channels; brought to [0, 1] as in training.
        label: `[H, W]` integer ids, 0 = background.
        config: its seed, crop size and transforms are used.
        count: draws per row, in [1, 100].
        ax: axes to draw into; None: those of a new figure.

    Returns:
        `ax`, or the new figure, which a notebook shows; `savefig` writes it.

    Raises:
        InputError: as in `preview`.

    Examples:
        >>> image, label = np.eye(64)[..., None], np.eye(64, dtype=np.int32)
        >>> config = tfseg.RunConfig(augment=(), data=tfseg.DataConfig(crop_size=32))
        >>> tfseg.plot_augmentations(image, label, config, count=1).savefig("draws.png")
    """
    from tfseg.drawing.figures import NotebookFigure, show

    picture = preview(image, label, config, count=count)
    if ax is not None:
        return show(ax, picture)
    height, width = picture.shape[:2]
    size = (width / _DOTS_PER_INCH, height / _DOTS_PER_INCH)
    plot = NotebookFigure(figsize=size, dpi=_DOTS_PER_INCH)
    show(plot.add_axes((0, 0, 1, 1)), picture)  # without margins
    return plot


def draw_samples(
    call: Callable[[Example, tf.Tensor], Example],
    example: Example,
    display: Display = PLAIN,
    *,
    seed: tf.Tensor,
    count: int,
) -> list[np.ndarray]:
    """Returns pictures of the results of `call`, such as a chain, with `count` seeds."""

    # In a pipeline, as in training: on the CPU, and compiled without a log message per chain.
    def apply(index: tf.Tensor) -> Example:
        return call(example, random.fold_in(seed, index))

    return [
        draw_outlines(result, display)
        for result in tf.data.Dataset.range(count).map(no_autograph(apply))
    ]


def draw_outlines(example: Example, display: Display = PLAIN) -> np.ndarray:
    """Returns a picture of image and ids; shows [0, 1], or the range of values if it is larger."""
    image, label = (np.asarray(example[name]) for name in ("image", "label"))
    exceeds = image.min() < 0 or image.max() > 1
    limits = (float(image.min()), float(image.max())) if exceeds else (0.0, 1.0)
    picture = overlay(image, label, limits=limits, display=display)
    picture[label < 0] //= 2
    return picture


def parameter_text(transform: Transform) -> str:
    """Returns the parameters that differ from their defaults, such as "sigma=8.0", without `p`."""
    (spec,) = to_spec([transform])
    defaults = {field.name: field.default for field in dataclasses.fields(transform)}
    return ", ".join(
        f"{name}={value}"
        for name, value in spec.items()
        if name not in ("name", "p") and getattr(transform, name) != defaults[name]
    )


def stack_rows(rows: Sequence[Row]) -> np.ndarray:
    """Stacks rows of pictures `[h, w, 3]` on white, with the text of each row above it."""
    font, line = ImageFont.load_default(_TEXT), _TEXT + GAP
    widths = [sum(picture.shape[1] + GAP for picture in pictures) - GAP for _, pictures in rows]
    widths += [round(font.getlength(text)) for text, _ in rows]
    heights = [line + max(len(picture) for picture in pictures) + GAP for _, pictures in rows]
    canvas = Image.new("RGB", (max(widths), sum(heights)), "white")
    pen, top = ImageDraw.Draw(canvas), 0
    for (text, pictures), height in zip(rows, heights, strict=True):
        pen.text((0, top), text, fill="black", font=font)
        left = 0
        for picture in pictures:
            canvas.paste(Image.fromarray(picture), (left, top + line))
            left += picture.shape[1] + GAP
        top += height
    return np.asarray(canvas)
