"""The page of the augmentations is up to date, and the examples of the docs work unchanged."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import tensorflow as tf

import tfseg
from tfseg import augment, losses, random
from tfseg.augment.names import MISSING
from tfseg.config import ModelConfig

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "augmentations.md").read_text(encoding="utf-8")
EXTENDING = (DOCS / "extending.md").read_text(encoding="utf-8")
EXAMPLES = (DOCS / "own_transform.md").read_text(encoding="utf-8")
MAKER = runpy.run_path(str(DOCS / "make_augmentations.py"))
KINDS = MAKER["kinds"]()


def test_the_page_is_up_to_date():
    remedy = "run python docs/make_augmentations.py --text"
    assert MAKER["page"](MAKER["measured_in"](PAGE)) == PAGE, remedy


def test_the_tables_for_users_of_albumentations_are_up_to_date():
    page = (DOCS / "from-albumentations.md").read_text(encoding="utf-8")
    maker = runpy.run_path(str(DOCS / "make_albumentations.py"))
    assert maker["page"](page) == page, "run python docs/make_albumentations.py"
    for name in {*augment.TRANSFORMS, *MISSING, "Compose"}:
        assert re.search(rf"[`\[]{name}[`\]]", page), name


def test_the_page_has_a_section_of_every_transform_and_its_cost_or_says_that_there_is_none_yet():
    row = r"^\| (\w+) \| (\d+\.\d) \| \d+\.\d to \d+\.\d \|$"
    costs = dict(re.findall(row, MAKER["measured_in"](PAGE), re.MULTILINE))
    unmeasured = re.findall(r"^Not measured yet: (.*)\.$", PAGE, re.MULTILINE)
    names = [*costs, *", ".join(unmeasured).split(", ")] if unmeasured else [*costs]
    assert sorted(names) == sorted(KINDS)
    assert set(KINDS) == set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE))
    assert all(float(cost) > 0 for cost in costs.values())


def test_the_costs_have_machine_and_versions():
    machine = r", Python 3\.\d+\.\d+, TensorFlow 2\.\d+\.\d+, tfseg \d\S+, \d{4}-"
    assert re.search(machine, MAKER["measured_in"](PAGE))


def test_the_parameters_are_name_default_and_meaning():
    rows = {name: (default, text) for name, default, text in MAKER["parameters"](augment.Rotate)}
    assert rows["limit"] == ("`(-90.0, 90.0)`", "degrees in [-360, 360], counter-clockwise.")
    assert list(rows)[-1] == "p"
    sizes = {name: default for name, default, _ in MAKER["parameters"](augment.CenterCrop)}
    assert sizes == {
        **dict.fromkeys(("height", "width"), "required"),
        **{"pad_if_needed": "`False`", "p": "`1.0`"},
    }


def test_the_pictures_are_those_of_the_page_and_small():
    shown = re.findall(r"\]\((augmentations/[^)]+)\)", PAGE)
    files = sorted((DOCS / "augmentations").iterdir())
    assert sorted(shown) == [f"augmentations/{file.name}" for file in files]
    assert sum(file.stat().st_size for file in files) < 700_000


def test_the_first_example_of_a_transform_has_at_most_15_lines():
    (first, *_) = re.findall(r"```python\n(.*?)```", EXAMPLES, re.DOTALL)
    assert len([line for line in first.splitlines() if line]) <= 15


def test_the_examples_of_transforms_work_in_a_chain(registrations):
    names: dict[str, object] = {"__name__": "own_transform"}
    for block in re.findall(r"```python\n(.*?)```", EXAMPLES, re.DOTALL):
        exec(compile(block, "own_transform.md", "exec", dont_inherit=True), names)
    image = np.random.default_rng(0).random((16, 16, 3), np.float32)
    label = np.arange(256, dtype=np.int32).reshape(16, 16)
    example, seed = {"image": image, "label": label}, random.root(1)

    chain = augment.Chain([names["Solarize"](p=1.0)])
    threshold = float(chain.sample(seed)["Solarize/1"]["threshold"])
    assert 0.5 <= threshold < 0.8
    made = chain(example, seed)
    np.testing.assert_allclose(made["image"], np.where(image < threshold, image, 1 - image), 1e-6)
    np.testing.assert_array_equal(made["label"], label)

    moved = augment.Chain([names["Stretch"](p=1.0)])(example, seed)
    rows = moved["label"].numpy() // 16
    np.testing.assert_array_equal(moved["label"] % 16, label % 16)  # columns stay
    assert 0 < rows.min() < rows.max() < 15  # the height is stretched: the ends are out of view

    assert augment.from_spec([{"name": "Solarize", "p": 1.0}]) == [names["Solarize"](p=1.0)]
    assert names["chain"](example, seed)["image"].shape == (16, 16, 3)


def test_what_the_page_on_extending_registers_works(registrations, tmp_path):
    names: dict[str, object] = {"__name__": "extending"}
    for block in re.findall(r"```python\n(.*?)```", EXTENDING, re.DOTALL):
        exec(compile(block, "extending.md", "exec", dont_inherit=True), names)
    truth, logits = tf.constant([[[[1.0], [0.0]]]]), tf.constant([[[[0.25], [1.0]]]])
    # (0.75 + 2) / 2
    assert float(losses.parse(names["config"].loss.partition("* ")[2])(truth, logits)) == 1.375

    ids = np.zeros((40, 40), np.int32)
    ids[4:20, 6:26], ids[24:36, 6:26] = 1, 2
    np.savez(tmp_path / "a.npz", image=np.uint8(100 * (ids > 0))[..., None], ids=ids)
    dataset = tfseg.convert(tmp_path, tmp_path / "data")
    assert dataset.info.source_format == "Archives"
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["label"], ids)
    evaluation = tfseg.evaluate_pairs([("a", ids, np.where(ids == 1, 1, 0))])
    assert evaluation.summary()["AreaRatio"] == 320 / 560
    network = tfseg.build_model(ModelConfig(architecture="Plain", channels=1, head="semantic"))
    weights = 9 * 16 + 16, 9 * 16 + 1  # of the layer of the page, and of the head's
    assert network.count_params() == sum(weights)
    assert network(np.zeros((1, 40, 50, 1), np.float32))["foreground"].shape == (1, 40, 50, 1)


def test_the_script_of_the_pipeline_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "pipeline.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(script, "pipeline.md", "exec"), {})
    first, second, *weights = capsys.readouterr().out.splitlines()
    assert first == second == "(4, 64, 64, 1) (4, 64, 64)"
    assert weights == ["[1. 1. 1. 1.]"] * 3  # 12 images in test
