"""What a notebook shows of a data set, of instances and of an evaluation."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg import notebook
from tfseg.drawing.overlays import overlay
from tfseg.metrics import Pair, evaluate_pairs

NASTY = "<script>alert('&\"')</script>"


def pictures(html: str) -> list[np.ndarray]:
    """Returns the pictures of a page, `[H, W, 3]`."""
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(source)))) for source in sources]


def cells(html: str) -> list[list[str]]:
    """Returns the cells of all tables of a page."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_texts_are_escaped_and_cut():
    html = notebook.text(NASTY) + notebook.table([NASTY], [[NASTY]])
    html += notebook.picture(np.zeros((2, 2, 3), np.uint8), NASTY)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#x27;&amp;&quot;&#x27;)&lt;/script&gt;") == 5
    assert notebook.text("x" * 300) == f"<p>{'x' * 197}...</p>"


def test_a_table_has_twenty_rows_and_says_how_many_more_there_are():
    html = notebook.table(["n"], ([number] for number in range(25)))
    assert cells(html) == [["n"], *([str(number)] for number in range(20))]
    assert html.endswith("<p>and 5 more</p>")
    assert "more" not in notebook.table(["n"], [[1]])


def test_a_picture_of_noise_is_small_and_is_that_picture():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    html = notebook.picture(noise, "noise")
    assert len(html) < 200_000
    flat = np.full((8, 16, 3), (200, 40, 90), np.uint8)
    html = notebook.picture(flat, "flat")
    (shown,) = pictures(html)
    assert shown.shape == flat.shape
    assert np.abs(shown.astype(int) - flat).max() <= 4
    assert 'width="256"' in html


def test_a_data_set_shows_its_counts_and_three_samples_with_outlines(dataset):
    html = dataset._repr_html_()
    info = dataset.info.splits
    assert cells(html) == [
        ["split", "images", "instances"],
        *([name, str(split.num_images), str(split.num_instances)] for name, split in info.items()),
    ]
    assert "instances of nucleus" in html
    shown = pictures(html)
    assert len(shown) == 3
    assert len(html) < 400_000
    sample = next(dataset.samples("train").as_numpy_iterator())
    assert sample["id"].decode() in html
    step = -(-max(sample["label"].shape) // 256)
    expected = overlay(sample["image"][::step, ::step], sample["label"][::step, ::step])
    assert shown[0].shape == expected.shape
    assert np.abs(shown[0].astype(int) - expected).mean() < 8


def test_a_data_set_that_cannot_be_read_shows_its_counts_and_the_reason(dataset, tmp_path):
    shutil.copytree(dataset.path, tmp_path / "data")
    next((tmp_path / "data").glob("train*")).unlink()
    html = tfseg.Dataset.open(tmp_path / "data")._repr_html_()
    assert len(cells(html)) == 4
    assert pictures(html) == []
    assert "is missing. Convert the data again." in html


def test_names_of_classes_are_escaped(dataset):
    info = dataclasses.replace(dataset.info, class_names=(NASTY,))
    assert "<script" not in dataclasses.replace(dataset, info=info)._repr_html_()
    one = np.array([[0, 1]])
    pair = Pair("a", one, one, [1], [1])
    assert "<script" not in evaluate_pairs([pair], class_names=(NASTY,))._repr_html_()


def test_instances_show_their_number_and_their_colours():
    label = np.zeros((600, 900), np.int32)
    label[:300], label[400:, 500:] = 1, 3  # 2 has no pixel
    instances = tfseg.Instances(label, np.ones(3, np.float32), np.ones(3, np.int32))
    html = instances._repr_html_()
    assert "instances: 2<" in html
    (shown,) = pictures(html)
    assert shown.shape == (150, 225, 3)  # every fourth pixel
    assert shown[40, 20].max() > 100
    assert shown[120, 200].max() > 100
    assert shown[120, 20].max() < 20
    none = tfseg.Instances(label * 0, np.ones(0, np.float32), np.ones(0, np.int32))
    assert "instances: 0<" in none._repr_html_()


@pytest.fixture
def evaluation() -> tfseg.Evaluation:
    truth, predicted = np.array([[1, 1, 1, 0, 2, 2]]), np.array([[1, 1, 0, 0, 2, 2]])
    return evaluate_pairs(
        [Pair("a", truth, predicted, [1, 2], [1, 1])], class_names=("cell", "dust", "none")
    )


def test_an_evaluation_shows_its_metrics_with_formulas_and_those_of_classes(evaluation):
    html = evaluation._repr_html_()
    assert html.startswith("<p>1 images, 2 instances, 2 predicted</p>")
    rows = cells(html)
    assert rows[0] == ["metric", "value", "formula"]
    assert rows[1][:2] == ["dice", "0.8889"]  # 2 x 4 / (5 + 4)
    assert [row[0] for row in rows[1:8]] == ["dice", "iou", "ap50", "ap", "pq", "sq", "rq"]
    # a cell of two: 2 / 3 and a false one; dust is missed; "none" does not occur
    assert rows[8:] == [
        ["class", "ap50", "pq", "dice", "true", "predicted"],
        ["cell", "0.5000", "0.4444", "0.5714", "1", "2"],
        ["dust", "0.0000", "0.0000", "0.0000", "1", "0"],
    ]


def test_an_evaluation_without_classes_has_one_table():
    html = evaluate_pairs([("a", np.array([[0, 1]]), np.array([[0, 1]]))])._repr_html_()
    assert html.count("<table>") == 1


def test_ipython_shows_each_of_them(dataset, evaluation):
    formatters = pytest.importorskip("IPython.core.formatters")
    instances = tfseg.Instances(np.eye(4, dtype=np.int32), np.ones(1), np.ones(1, int))
    for value in (dataset, evaluation, instances):
        assert formatters.HTMLFormatter()(value) == value._repr_html_()
