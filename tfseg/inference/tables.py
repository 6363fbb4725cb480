"""The tables of a prediction: a row per instance, and a row per image with counts and sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tfseg.data.files.paths import DataPath, local_copy
from tfseg.inference.instances import Instances

_SQUARE_MM = 1e6  # square micrometres
_MEGAPIXEL = 1e6  # pixels


def instance_table(name: str, instances: Instances, pixel_size: float = 0.0) -> pd.DataFrame:
    """Returns `Instances.to_pandas` with the name of the image, and with sizes in micrometres.

    Args:
        name: of the image.
        instances: of the image.
        pixel_size: side of a pixel in micrometres; 0 where none is known.

    Returns:
        The table with the columns `image` before and, after its columns, `area_um2`, and
        `diameter_um` of the circle of this area; NaN without a pixel size.
    """
    table = instances.to_pandas()
    table.insert(0, "image", name)
    area = table["area"] * (pixel_size or math.nan) ** 2
    table["area_um2"] = area.round(6)
    table["diameter_um"] = np.sqrt(4 / math.pi * area).round(6)
    return table


def image_table(
    name: str, area: pd.Series, size: tuple[int, ...], pixel_size: float = 0.0
) -> pd.DataFrame:
    """Returns the row of an image.

    Args:
        name: of the image.
        area: pixels of each of its instances.
        size: height and width in pixels.
        pixel_size: side of a pixel in micrometres; 0 where none is known.

    Returns:
        The columns `image`; `height` and `width` in pixels; `count` of the instances;
        `per_megapixel`, instances per million pixels; `mean_area` and `median_area` in pixels;
        `covered_share` of the pixels, in [0, 1]; `pixel_size_um`; and in micrometres
        `per_square_mm`, `mean_area_um2`, `median_area_um2`. What is not known is empty.
    """
    pixels, count = math.prod(size), len(area)
    square = (pixel_size or math.nan) ** 2
    row = {
        "image": name,
        "height": size[0],
        "width": size[1],
        "count": count,
        "per_megapixel": count / pixels * _MEGAPIXEL,
        "mean_area": area.mean(),
        "median_area": area.median(),
        "covered_share": area.sum() / pixels,
        "pixel_size_um": pixel_size or math.nan,
        "per_square_mm": count / (pixels * square) * _SQUARE_MM,
        "mean_area_um2": area.mean() * square,
        "median_area_um2": area.median() * square,
    }
    return pd.DataFrame([row]).round(6)


def no_instances() -> pd.DataFrame:
    """Returns a table of instances without rows."""
    none = Instances(np.zeros((1, 1), np.int32), np.zeros(0, np.float32), np.zeros(0, int))
    return instance_table("", none)


def no_images() -> pd.DataFrame:
    """Returns a table of images without rows."""
    return image_table("", pd.Series(dtype=float), (1, 1)).iloc[:0]


def join(tables: Iterable[DataPath], path: DataPath, empty: pd.DataFrame) -> int:
    """Writes the rows of CSV files with the columns of `empty` into one; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(empty.columns) + "\n")
        for table in tables:
            with local_copy(table) as copy, copy.open(encoding="utf-8") as lines:
                next(lines)  # the header
                for line in lines:
                    file.write(line)
                    count += 1
    return count
