"""The file annotations.xml of CVAT for images 1.1: its images, shapes and labels.

The file is not trusted: what is wrong with a shape is a fault of its image, and read as a text.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.parsing import ring, shortened
from tfseg.data.conversion.formats.shapes import ellipse
from tfseg.data.files.content import load

_TYPES = ("any", "polygon", "ellipse", "mask")  # of labels whose shapes have outlines
_LARGEST = 2.0**40


class Mask(NamedTuple):
    """Run lengths of a window of the image, row by row, which begin with pixels outside."""

    counts: np.ndarray
    y: int
    x: int
    height: int
    width: int


class Shape(NamedTuple):
    """A ring `[N, 2]` of (x, y), or a mask, with its label, and its group if it has one."""

    label: str
    group: str
    outline: np.ndarray | Mask
    context: str


class Image(NamedTuple):
    """An image in a file; if it cannot be read, `fault` says why."""

    name: str
    subset: str
    size: tuple[int, int]  # height and width
    shapes: list[Shape]
    fault: str = ""


class Content(NamedTuple):
    """What a file has: `labels` are those it declares, `num_tags` counts tags of whole images."""

    images: list[Image]
    labels: list[str]
    num_tags: int


def read_xml(path: Path) -> Content:
    """Reads a file.

    Raises:
        InputError: it cannot be read, is not XML, lists no images, or has tracks of a video.
    """
    images, labels, num_tags = [], [], 0
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(load(path))):
            if element.tag == "label" and element.findtext("type", "any") in _TYPES:
                labels.append(element.findtext("name", ""))
            elif element.tag == "image":
                images.append(_image(path, element))
                num_tags += len(element.findall("tag"))
                element.clear()  # or all shapes would stay in memory as texts
            elif element.tag == "track":
                raise InputError(
                    f"{path} must be of CVAT for images; it has tracks of a video. Export it as "
                    "CVAT for images 1.1."
                )
    except InputError:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # of an encoding too
        raise InputError(f"{path} is not XML ({error}). Export it again.") from error
    if not images:
        raise InputError(f"{path} must list images; it has none. Export it again.")
    return Content(images, labels, num_tags)


def _image(path: Path, element: Element) -> Image:
    name = _text(element, "name", f"An image in {path}")
    context, subset = f"{path}, image {name},", element.get("subset", "")
    try:
        height, width = (_whole(element, key, context) for key in ("height", "width"))
        shapes = [
            _shape(part, f"{context} {part.tag} {number}")
            for number, part in enumerate(element, start=1)
            if part.tag != "tag"
        ]
    except InputError as error:
        return Image(name, subset, (0, 0), [], str(error))
    return Image(name, subset, (height, width), shapes)


def _shape(element: Element, context: str) -> Shape:
    outline: np.ndarray | Mask
    if element.tag == "polygon":
        outline = ring(_numbers(element, "points", context), context=context)
    elif element.tag == "ellipse":
        outline = _ellipse(element, context)
    elif element.tag == "mask":
        outline = _mask(element, context)
    else:
        raise InputError(
            f"{context} must be a polygon, an ellipse or a mask; it has no outline. Draw it as a "
            "polygon, or take it out."
        )
    group = element.get("group_id", "0")
    label = _text(element, "label", context)
    return Shape(label, "" if group == "0" else group, outline, context)


def _ellipse(element: Element, context: str) -> np.ndarray:
    """Returns the outline of an ellipse; its rotation is in degrees, clockwise as one sees it."""
    keys = {"cx": None, "cy": None, "rx": None, "ry": None, "rotation": "0"}
    x, y, radius_x, radius_y, degrees = (
        _number(element, key, context, default) for key, default in keys.items()
    )
    outline = ellipse(np.array([x, y]), np.array([radius_x, radius_y]), np.radians(degrees))
    return ring(outline, context=context)


def _mask(element: Element, context: str) -> Mask:
    window = (_whole(element, key, context) for key in ("top", "left", "height", "width"))
    return Mask(_numbers(element, "rle", context), *window)


def _text(element: Element, key: str, context: str) -> str:
    value = element.get(key)
    if not value:
        raise InputError(f"{context} must have the attribute {key}; got none. Export it again.")
    return value


def _numbers(element: Element, key: str, context: str, default: str | None = None) -> np.ndarray:
    """Returns the finite numbers `[N]` float64 of an attribute, with commas or semicolons between.

    Numbers above `_LARGEST` are refused, so that they stay exact as whole numbers.
    """
    text = _text(element, key, context) if default is None else element.get(key, default)
    try:
        numbers = np.array(text.replace(";", ",").split(","), np.float64)
    except ValueError:
        numbers = np.array([np.nan])
    if not (np.abs(numbers) <= _LARGEST).all():  # false for NaN too
        raise InputError(
            f"{context} must have numbers as {key}; got {shortened(text)}. Export it again."
        )
    return numbers


def _number(element: Element, key: str, context: str, default: str | None = None) -> float:
    number, *others = _numbers(element, key, context, default).tolist()
    if others:
        raise InputError(
            f"{context} must have one number as {key}; got {1 + len(others)}. Export it again."
        )
    return number


def _whole(element: Element, key: str, context: str) -> int:
    number = _number(element, key, context)
    if number != np.floor(number) or number < 0:
        raise InputError(
            f"{context} must have a whole number as {key}; got {number:g}. Export it again."
        )
    return int(number)
