"""Scoring on other machines: the files of one machine, resumed after a kill."""

from __future__ import annotations

import pickle

import pytest

import tfseg
from tfseg import beam
from tfseg.checks import InputError
from tfseg.evaluation.report.report import Report
from tfseg.metrics import Conventions, registered

CONVENTIONS = Conventions(boundary=True)


@pytest.fixture(scope="module")
def segmenter() -> tfseg.Segmenter:
    """An untrained network that finds something."""
    config = tfseg.ModelConfig(architecture="Compact", filters=(4, 4), channels=1)
    model = tfseg.build_model(config, seed=2)
    layer = model.get_layer("compact").get_layer("center_offset")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 3, bias + 0.3])
    return tfseg.Segmenter(model, config, tile=128)


@pytest.fixture(scope="module")
def shards(sample, tmp_path_factory) -> tfseg.Dataset:
    """Twelve images in three shards."""
    folder = tmp_path_factory.mktemp("shards") / "data"
    return tfseg.convert(sample / "test", folder, shard_size=4)


class Killed(BaseException):
    """The end of the process that started the pipeline."""


def test_an_engine_scores_as_one_machine_and_resumes(
    segmenter, shards, tmp_path, contents, monkeypatch
):
    (split,) = shards.info.splits
    report = Report(CONVENTIONS)
    one = tfseg.evaluate(segmenter, shards, split, conventions=CONVENTIONS, report=report)
    one.write(tmp_path / "one")
    done, pipelines = [], []

    def for_each(function, items, *, options):
        """Sends the work through pickle; the first pipeline ends after one item."""
        pipelines.append(len(items))
        for item in reversed(items):
            sent, received = pickle.loads(pickle.dumps((function, item)))
            sent(received)
            done.append(received[0].name)
            if len(pipelines) == 1:
                raise Killed

    monkeypatch.setattr(beam, "for_each", for_each)
    monkeypatch.chdir(tmp_path)
    other = Report(CONVENTIONS)
    how = {"conventions": CONVENTIONS, "report": other, "beam_options": [], "shared": "parts"}
    with pytest.raises(Killed):
        tfseg.evaluate(segmenter, shards, split, **how)
    many = tfseg.evaluate(segmenter, shards, split, **how)
    assert (pipelines, len(set(done)), len(done)) == ([3, 2], 3, 3)
    assert not (tmp_path / "parts").exists()
    many.write(tmp_path / "many")
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert other._data() == report._data()  # the pictures, with the outcomes of the instances
    assert len(many.images()) == 12 and len(many.instances) > 400


def test_what_other_machines_cannot_do_is_refused(segmenter, shards, monkeypatch):
    (split,) = shards.info.splits
    with pytest.raises(InputError, match="beam_options need shared, a folder"):
        tfseg.evaluate(segmenter, shards, split, beam_options=[])
    monkeypatch.setattr(registered, "plugins", lambda: {"metric mine": "my_parts.py"})
    with pytest.raises(InputError, match="do not know registered metrics; got metric mine"):
        tfseg.evaluate(segmenter, shards, split, beam_options=[], shared="parts")


def test_a_folder_with_files_of_somebody_is_refused_and_kept(segmenter, shards, tmp_path):
    (split,) = shards.info.splits
    (tmp_path / "thesis.txt").write_text("chapter 1")
    with pytest.raises(InputError, match=r"shared must be a new folder, .* has thesis\.txt\."):
        tfseg.evaluate(segmenter, shards, split, beam_options=[], shared=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "chapter 1"
