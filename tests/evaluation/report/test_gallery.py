"""Which images a report shows, and that they fit into it."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from tfseg.evaluation.report import gallery
from tfseg.evaluation.report.gallery import Gallery
from tfseg.evaluation.report.outcomes import KINDS, outcomes
from tfseg.metrics import Conventions, Pair

SQUARES = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 8), np.int32))  # ids 1 to 11


def add(shown: Gallery, name: str, truth: np.ndarray, prediction: np.ndarray, image=None, **more):
    pair = Pair(name, truth, prediction, **more)
    tables = outcomes(pair, Conventions())
    shown.add(gallery.shown(pair, image, tables), tables)


def of_lost(numbers: list[int], limit: int) -> list[str]:
    """Returns the names shown of images in which as many squares as `numbers` are missing."""
    shown = Gallery(limit)
    for number in numbers:
        add(shown, str(number), SQUARES, np.where(number >= SQUARES, 0, SQUARES))
    return [entry["id"] for entry in shown.entries()]


def test_all_images_are_shown_the_worst_first_where_there_are_few():
    assert of_lost([2, 5, 0, 3], limit=4) == ["5", "3", "2", "0"]


def test_of_many_the_worst_the_median_and_the_best_are_shown():
    assert of_lost([4, 9, 0, 7, 2], limit=3) == ["9", "4", "0"]


def test_worst_and_best_stay_while_others_are_left_out_on_the_way():
    names = of_lost([4, 9, 0, 7, 2, 10, 5, 1, 8, 3, 6], limit=3)
    assert (names[0], names[-1], len(names)) == ("10", "0", 3)


def test_never_more_than_twice_the_limit_is_held():
    shown = Gallery(3)
    for number in range(40):
        add(shown, str(number), SQUARES, SQUARES)
        assert shown.num_kept < 6
    assert shown.num_added == 40


def only(*given, **more) -> dict:
    shown = Gallery()
    add(shown, *given, **more)
    (entry,) = shown.entries()
    return json.loads(json.dumps(entry))


def test_an_entry_has_the_outcome_of_each_instance():
    prediction = np.where(SQUARES == 3, 0, SQUARES)
    prediction[0, 0] = 50
    scores = np.linspace(0, 1, 50)
    entry = only("a", SQUARES, prediction, scores=scores)
    assert entry["score"] == round(10 / 12, 4)
    assert entry["num"] == [11, 11]
    assert dict(zip(KINDS, entry["kinds"], strict=True)) == dict.fromkeys(KINDS, 0) | {
        "found": 10,
        "missed": 1,
        "false": 1,
    }
    assert entry["errors"] == 2
    (missed,) = [item for item in entry["truth"] if item[0] == 3]
    assert missed == [3, [KINDS.index("missed")], 0.0, 64, "M24 0h8v8h-8z", [24, 0, 8, 8]]
    (false,) = [item for item in entry["predicted"] if item[0] == 50]
    assert false[-1] == 1.0
    assert entry["source"] == ""


def test_the_picture_is_the_image_and_no_larger_than_a_thumbnail():
    truth = np.zeros((600, 1200), np.int32)
    truth[100:300, 300:600] = 2**31 - 1
    image = np.where(truth > 0, 4000, 100).astype(np.uint16)[..., None]
    entry = only("large", truth, truth, image)
    head, _, data = entry["source"].partition(",")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
    assert head == "data:image/jpeg;base64"
    assert picture.shape == (256, 512)
    assert (picture[60, 200], picture[10, 10]) == pytest.approx((255, 0), abs=4)
    assert entry["picture"] == [512, 256]
    # every 2.34th row and column: 43 to 127 and 128 to 255
    assert entry["truth"][0][4] == "M128 43h128v85h-128z"
    assert entry["truth"][0][5] == [128.0, 42.7, 128.0, 85.3]


def test_an_image_of_noise_is_kept_small_too():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    none = np.zeros((512, 512), np.int32)
    assert len(only("noise", none, none, noise)["source"]) < 60_000


def test_what_does_not_fit_is_left_out_from_the_middle(monkeypatch):
    size = len(gallery.pack(only("5", SQUARES, SQUARES)))
    monkeypatch.setattr(gallery, "BUDGET", 4 * size)
    names = of_lost(list(range(7)), limit=10)
    assert 3 <= len(names) <= 5
    assert (names[0], names[-1]) == ("6", "0")
