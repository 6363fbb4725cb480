"""The plots for notebooks: their figures and axes, and what they leave in pyplot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import tfseg
from tfseg.checks import InputError
from tfseg.drawing.overlays import tinted

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 48, 1), np.uint8)
LABEL = np.zeros((40, 48), np.int32)
LABEL[4:20, 4:20], LABEL[22:38, 20:40] = 1, 2
HISTORY = "step,loss,loss/center,val_loss\n10,1,0.5,\n20,0.5,0.25,0.6\n"
CONFIG = tfseg.RunConfig(data=tfseg.DataConfig(crop_size=32), augment=({"name": "HorizontalFlip"},))


@pytest.fixture(params=["curves", "instances", "augmentations"])
def plot(request, tmp_path) -> Callable[..., Any]:
    """A function that plots, into `ax` if it is given."""
    (tmp_path / "history.csv").write_text(HISTORY)
    return {
        "curves": partial(tfseg.plot_curves, tmp_path),
        "instances": partial(tfseg.plot_instances, IMAGE, LABEL),
        "augmentations": partial(tfseg.plot_augmentations, IMAGE, LABEL, CONFIG, count=1),
    }[request.param]


def test_a_new_figure_is_a_picture_and_pyplot_does_not_know_it(plot):
    before = dict(pyplot.rcParams)
    drawn = plot()
    assert isinstance(drawn, Figure)
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []
    assert dict(pyplot.rcParams) == before


def test_given_axes_are_drawn_into_and_returned(plot):
    left, right = Figure().subplots(1, 2)
    assert plot(ax=right) is right
    assert right.has_data()
    assert not left.has_data()
    assert pyplot.get_fignums() == []


def test_axes_of_instances_have_one_picture():
    ax = tfseg.plot_instances(IMAGE, LABEL, ax=Figure().add_subplot())
    assert ax.get_title() == "instances: 2"
    np.testing.assert_array_equal(ax.images[0].get_array(), tinted(IMAGE, LABEL))
    with pytest.raises(InputError, match="prediction must be None if ax is given"):
        tfseg.plot_instances(IMAGE, LABEL, LABEL, ax=ax)


def test_a_notebook_that_never_imports_pyplot_shows_the_picture(tmp_path: Path):
    (tmp_path / "history.csv").write_text(HISTORY)
    code = (
        "import sys, tfseg\n"
        "from IPython.core.formatters import PNGFormatter\n"
        f"plot = tfseg.plot_curves({str(tmp_path)!r})\n"
        "assert PNGFormatter()(plot).startswith(b'\\x89PNG')\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    pytest.importorskip("IPython")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
