"""Figures of matplotlib outside pyplot; imported when used, because matplotlib takes a second."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself.

    pyplot would keep figures and settings for the lifetime of the process, and without pyplot a
    notebook shows other figures only as text.
    """

    def _repr_png_(self) -> bytes:
        """Returns the figure as a PNG file."""
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def show(ax: Axes, picture: np.ndarray, title: str = "") -> Axes:
    """Draws a picture into the axes, pixel by pixel and without ticks, and returns them."""
    ax.imshow(picture, interpolation="nearest")
    ax.set_title(title)
    ax.axis("off")
    return ax
