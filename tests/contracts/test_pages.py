"""Every block of Python in the docs runs, and every command is valid.

Blocks of a page run in one folder, one after the other, with the names of those before.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tfseg import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
BLOCKS = {
    name: blocks
    for name, text in PAGES.items()
    if (blocks := re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
}
# Pages with blocks that another test prepares and runs.
PREPARED = {
    "augmentations.md": "test_docs.py",
    "extending.md": "test_docs.py",
    "from-tensorflow-addons.md": "test_from_tensorflow_addons.py",
    "own_head.md": "test_own_head.py",
    "own_transform.md": "test_docs.py",
    "pipeline.md": "test_docs.py",
}
# The run of the first one serves all the others.
TRAINED = ("getting_started.md", "large_images.md", "deploy.md", "export.md")
ALONE = sorted(set(BLOCKS) - set(PREPARED) - set(TRAINED))
COMMANDS = sorted(
    {
        line
        for text in PAGES.values()
        for line in re.findall(r"^    tfseg ([^#\n]*)", text, re.MULTILINE)
    }
)


def work(name: str, blocks: list[str]) -> dict[str, object]:
    """Runs the blocks of a page; returns the names that they define."""
    names: dict[str, object] = {"__name__": name}
    for block in blocks:
        exec(compile(block, name, "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize("name", ALONE)
def test_the_blocks_of_a_page_work(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    work(name, BLOCKS[name])


@pytest.mark.slow
def test_the_pages_that_train_predict_and_deploy_work_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, *others = TRAINED
    (script,) = BLOCKS[first]
    steps = "train=tfseg.TrainConfig(steps=1000)"
    assert steps in script
    short = script.replace(
        steps,
        "train=tfseg.TrainConfig(steps=2, batch_size=2), "
        "optimizer=tfseg.OptimizerConfig(warmup_steps=0)",
    )
    evaluation = work(first, [short])["evaluation"]
    assert evaluation.summary()["num_images"] == 12
    names = {name: work(name, BLOCKS[name]) for name in others}
    assert names["large_images.md"]["instances"].labels.shape == (400, 300)
    for name in ("deploy.md", "export.md"):
        assert names[name]["predicted"]["labels"].shape == (1, 100, 120)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_valid(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module, _ = cli.parse(shlex.split(command))
    assert module.__name__.startswith("tfseg.commands.")


def test_there_are_commands_and_every_page_can_be_reached():
    assert len(COMMANDS) > 10
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w-]+\.md", str(yaml.safe_load(text)["nav"])))
    assert named == set(PAGES)


def test_the_first_page_has_a_picture_the_installation_and_a_link_to_every_other_page():
    page = PAGES["index.md"]
    (picture,) = re.findall(r"^!\[.+\]\((.+)\)$", page, re.MULTILINE)
    assert (DOCS / picture).is_file()
    assert "    git clone " in page and "    pip install " in page
    assert set(re.findall(r"\]\(([\w-]+\.md)[)#]", page)) == set(PAGES) - {"index.md"}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_page_and_a_heading(name):
    for page, anchor in re.findall(r"\]\(([\w-]*(?:\.md)?)(?:#([\w-]+))?\)", PAGES[name]):
        text = PAGES[page or name]
        heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors, (page, anchor)
