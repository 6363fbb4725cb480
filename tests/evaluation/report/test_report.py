"""The page: every section from what there is, nothing from outside, nothing left open."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from tfseg.checks import InputError
from tfseg.evaluation.report.report import Report
from tfseg.metrics import Conventions, Pair, evaluate_pairs

SQUARES = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 8), np.int32))  # ids 1 to 11
IMAGE = np.where(SQUARES > 0, 200, 20).astype(np.uint8)[..., None]
ALWAYS = ["Summary", "AP by IoU threshold", "Data", "Configuration and versions"]


def written(folder, pairs, *, images=None, seconds=None, class_names=(), **more) -> str:
    """Returns the text of the report of `pairs`."""
    conventions = Conventions()
    report = Report(conventions)
    for index, pair in enumerate(pairs):
        duration = seconds[index] if seconds else None
        report.add(pair, images[index] if images else None, seconds=duration)
    evaluation = evaluate_pairs(pairs, conventions=conventions, class_names=class_names)
    path = report.write(folder / "report.html", evaluation, **{"title": "Squares"} | more)
    assert [file.name for file in path.parent.glob("report*")] == ["report.html"]
    return path.read_text(encoding="utf-8")


def data(text: str) -> dict:
    """Returns what the gallery is made of."""
    (packed,) = re.findall(r'id="gallery-data">([A-Za-z0-9+/=]*)</script>', text)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def titles(text: str) -> list[str]:
    return re.findall(r'<section id="(?!gallery)[^>]*><h2[^>]*>([^<]*)<', text)


def lost(number: int, **more) -> Pair:
    return Pair(str(number), SQUARES, np.where(number >= SQUARES, 0, SQUARES), **more)


def test_only_sections_with_data_are_there(tmp_path):
    text = written(tmp_path, [lost(1), lost(4)])
    assert titles(text) == [ALWAYS[0], "Errors by size, neighbours and position", *ALWAYS[1:]]
    assert "mean brightness" not in text


def test_every_number_of_splits_and_merges_is_that_of_the_metrics(tmp_path):
    # 1 has IoU 2 / 5 with 4 and 3 / 12 with 5, which has 4 / 10 with 2; 3 is found and split
    truth = np.array([[*[1] * 5, *[2] * 4, 0, 0, 0, *[3] * 10]])
    prediction = np.array([[4, 4, *[5] * 10, *[6] * 7, *[7] * 3]])
    text = written(tmp_path, [Pair("a", truth, prediction)])
    page = data(text)
    assert "1 found, 2 missed; 3 false predictions. " in text
    assert "Split true instances: 2; merged predictions: 1." in text
    for name, number in {"splits": 2, "merges": 1}.items():
        assert f'<th scope="row">{name}</th><td class="number">{number}</td>' in text
    numbers = dict(zip(page["kinds"], page["num_of_kinds"], strict=True))
    assert numbers == dict(zip(page["kinds"], page["images"][0]["kinds"], strict=True))
    assert (numbers["split"], numbers["merged"], numbers["missed"]) == (2, 1, 2)
    shown = [[page["kinds"][kind] for kind in item[1]] for item in page["images"][0]["truth"]]
    assert shown == [["split", "missed"], ["missed"], ["split", "found"]]
    cells = r'<td class="number">(\d+)</td>' * 3  # number, split, in a merge
    rows = [tuple(map(int, row)) for row in re.findall(cells + '<td class="wide">', text)]
    # three tables: by size, by neighbours and by position, each of all three true instances
    assert np.sum(rows, axis=0).tolist() == [9, 6, 6]


def test_scores_classes_history_seconds_and_images_have_their_sections(tmp_path):
    classes = np.tile([1, 2], 6)
    columns = {
        "truth_class_of": classes,
        "predicted_class_of": classes,
        "scores": np.linspace(0, 1, 12),
    }
    history = tmp_path / "history.csv"
    pd.DataFrame({"step": [1, 2], "loss": [2.0, 1.0]}).to_csv(history, index=False)
    text = written(
        tmp_path,
        [lost(1, **columns), lost(4, **columns)],
        images=[IMAGE, IMAGE],
        seconds=[3.0, 0.25],
        class_names=("cat", "d<g"),
        history=history,
        facts={"Run": {"split": "test"}, "Settings": "a: <b>"},
    )
    wanted = {"Classes", "Scores", "Learning curves", "Speed"}
    assert set(titles(text)) >= wanted
    assert "<strong>4 images per second</strong>" in text  # without the first
    assert "mean brightness" in text
    assert '<th scope="row">split</th><td>test</td>' in text
    assert "a: &lt;b&gt;" in text
    assert "d<g" not in text


def test_the_metrics_are_those_of_the_evaluation(tmp_path):
    text = written(tmp_path, [lost(1), lost(4)])
    # 10 + 7 of 22
    assert "17 found, 5 missed; 0 false predictions." in text
    assert "<strong>0.773</strong><span>ap50</span>" in text


def test_brightness_is_a_share_of_what_the_type_can_hold(tmp_path):
    images = [np.full((24, 32, 1), 13107, np.uint16), np.full((24, 32, 3), 51, np.uint8)]
    text = written(tmp_path, [lost(1), lost(4)], images=images)
    assert "mean brightness of an image: 2 values from 0.2 to 0.2, median 0.2" in text


def test_the_report_of_an_empty_prediction_and_of_an_empty_truth_work(tmp_path):
    empty = np.zeros_like(SQUARES)
    pairs = [Pair("a", SQUARES, empty), Pair("b", empty, SQUARES), Pair("c", empty, empty)]
    for number, pair in enumerate(pairs):
        folder = tmp_path / str(number)
        assert set(titles(written(folder, [pair], images=[IMAGE]))) >= set(ALWAYS)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "step,loss\n2,abc\n"])
def test_what_is_no_history_is_left_out_with_a_warning(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.warns(UserWarning, match=r"history\.csv .* The report has no learning curves\."):
        page = written(tmp_path, [lost(1)], history=tmp_path / "history.csv")
    assert "Learning" not in page


def test_a_history_that_is_not_there_is_left_out(tmp_path):
    assert "Learning" not in written(tmp_path, [lost(1)], history=tmp_path / "none.csv")


def test_nothing_comes_from_outside(tmp_path):
    text = written(tmp_path, [lost(1)], images=[IMAGE])
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) == {"http://www.w3.org/2000/svg"}  # a name
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)|@import|url\((?!#)""", text)


NAME = "</script><img src=x onerror=alert(1)>&\"'"


def test_names_are_text_and_never_code(tmp_path):
    text = written(tmp_path, [lost(1)._replace(id=NAME)], title=NAME)
    assert "<img src=x" not in text
    assert f"<title>{html.escape(NAME)}</title>" in text
    assert data(text)["images"][0]["id"] == NAME


def test_wrong_input_is_refused_with_the_name_of_the_image(tmp_path):
    with pytest.raises(InputError, match="'1' must have the size of its label"):
        Report().add(lost(1), IMAGE[:5])
    with pytest.raises(InputError, match="Image 'a': .*the same size"):
        Report().add(Pair("a", SQUARES, SQUARES[:5]))
    with pytest.raises(InputError, match="'a' has no pixels"):
        Report().add(Pair("a", SQUARES[:0], SQUARES[:0]))
    with pytest.raises(InputError, match="at least one image"):
        Report().write(tmp_path / "report.html", evaluate_pairs([lost(1)]), title="")


def test_a_path_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    report = Report()
    report.add(lost(1))
    with pytest.raises(InputError, match="cannot be written"):
        report.write(tmp_path / "file" / "report.html", evaluate_pairs([lost(1)]), title="")
