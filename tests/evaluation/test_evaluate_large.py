"""Evaluation of large images, which are read in windows, is that of the same images at once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from tfseg import convert_samples, large_arrays
from tfseg.data.dataset import tiles
from tfseg.evaluation import scoring
from tfseg.evaluation.evaluate import evaluate
from tfseg.evaluation.report import gallery, windows
from tfseg.evaluation.report.outcomes import outcomes
from tfseg.evaluation.report.report import Report
from tfseg.metrics import Conventions, Pair

CLASSES = ("a", "b", "c")


def make_sample(number: int) -> dict:
    """Returns an image of rectangles whose ids have gaps, some of them dark."""
    draw = np.random.default_rng(number)
    label = np.zeros((70 + number, 90), np.int32)
    for id in range(3, 40, 3):
        top, left = draw.integers(0, label.shape)
        label[top : top + draw.integers(2, 15), left : left + draw.integers(2, 15)] = id
    label[:3, 5:9] = -1
    image = np.where((label > 0) & (label % 5 > 0), 200, 20).astype(np.uint8)[..., None]
    classes = draw.integers(1, 4, len(np.unique(label[label > 0])))
    return {"image": image, "label": label, "class_of": classes, "id": f"s{number}"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    samples = [make_sample(number) for number in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "SIDE", 16)
        folder = tmp_path_factory.mktemp("large") / "data"
        return convert_samples({"test": samples}, folder, class_names=CLASSES)


class Segmenter(SimpleNamespace):
    """Predicts by a function."""

    num_approximate = 0

    def factor(self, pixel_size: float | None) -> float:
        return 1.0


def predict(image: np.ndarray | large_arrays.Windows) -> SimpleNamespace:
    """Finds the bright components; their classes go round."""
    labels, count = ndimage.label(image[:, :][..., 0] > 100)
    classes = np.arange(count) % 3 + 1
    scores = np.linspace(0.1, 0.9, count, dtype=np.float32)
    return SimpleNamespace(labels=labels.astype(np.int32), scores=scores, classes=classes)


@pytest.mark.filterwarnings("ignore:Classes are ignored")
@pytest.mark.parametrize(
    ("class_names", "edge_instances"), [(CLASSES, "keep"), (("object",), "ignore")]
)
def test_metrics_are_the_same(dataset, monkeypatch, tmp_path, class_names, edge_instances):
    were_windows = []

    def predicted(
        image: np.ndarray | large_arrays.Windows, *, pixel_size: float | None, folder: None
    ) -> tuple[SimpleNamespace, str]:
        were_windows.append(isinstance(image, large_arrays.Windows))
        return predict(image), ""

    model = SimpleNamespace(class_names=class_names, channels=1, channel_names=())
    segmenter = Segmenter(predict_with_doubt=predicted, model_config=model, pixel_size=None)
    conventions, report = Conventions(edge_instances=edge_instances), Report()
    expected = evaluate(segmenter, dataset, "test", conventions=conventions, verbose=False)
    monkeypatch.setattr(scoring, "LARGE", 0)
    monkeypatch.setattr(gallery, "LARGE", 0)
    monkeypatch.setattr(windows, "SIDE", 32)
    monkeypatch.setattr(large_arrays, "_BAND", 500)
    evaluation = evaluate(
        segmenter, dataset, "test", conventions=conventions, report=report, verbose=False
    )
    assert were_windows == [False, False, True, True]
    pd.testing.assert_frame_equal(evaluation.counts, expected.counts)
    pd.testing.assert_frame_equal(evaluation.instances, expected.instances)
    assert 0 < evaluation.metrics()["pq"] < 1
    page = report.write(tmp_path / "report.html", evaluation, title="Large")
    assert page.stat().st_size > 10_000
    assert 2 < report._gallery.num_kept <= 2 * windows.MOST


def test_a_large_image_is_shown_by_its_windows_with_the_most_errors(monkeypatch):
    monkeypatch.setattr(windows, "SIDE", 10)
    truth = np.zeros((30, 25), np.int32)
    truth[2:4, 2:4] = 1  # found
    truth[22:24, 12:14] = 2  # missed, in the window from row 20 and column 10
    truth[26, 12] = 3  # missed there
    truth[8:11, 21:24] = 4  # missed, its middle in row 9
    prediction = np.where(truth == 1, 7, 0)
    prediction[27, 13] = 8  # false, in the first of these windows
    image = np.arange(truth.size, dtype=np.uint8).reshape(truth.shape)[..., None]
    pair = Pair("a", truth, prediction)
    first, second = windows.windows_of(pair, image, outcomes(pair, Conventions()))
    part, pixels, tables = first
    assert part.id == "a, rows 20 to 30, columns 10 to 20"
    np.testing.assert_array_equal(part.truth, truth[20:30, 10:20])
    np.testing.assert_array_equal(part.prediction, prediction[20:30, 10:20])
    np.testing.assert_array_equal(pixels, image[20:30, 10:20])
    assert tables.truth.id.tolist() == [2, 3] and tables.predicted.id.tolist() == [8]
    assert tables.truth[["top", "left", "bottom", "right"]].to_numpy().tolist() == [
        [2, 2, 4, 4],
        [6, 2, 7, 3],
    ]
    part, _, tables = second
    assert part.id == "a, rows 0 to 10, columns 20 to 25"
    assert tables.truth[["top", "left", "bottom", "right"]].to_numpy().tolist() == [[8, 1, 10, 4]]


def test_without_errors_the_windows_with_the_most_instances_are_shown(monkeypatch):
    monkeypatch.setattr(windows, "SIDE", 10)
    truth = np.zeros((20, 10), np.int32)
    truth[2, 2], truth[14, 2], truth[16, 2] = 1, 2, 3
    pair = Pair("a", truth, truth)
    shown = [
        part.id for part, _, _ in windows.windows_of(pair, None, outcomes(pair, Conventions()))
    ]
    assert shown == ["a, rows 10 to 20, columns 0 to 10", "a, rows 0 to 10, columns 0 to 10"]
    empty = Pair("b", truth * 0, truth * 0)
    assert list(windows.windows_of(empty, None, outcomes(empty, Conventions()))) == []
