"""One command runs every benchmark, and all of them write the same kind of JSON."""

from __future__ import annotations

import importlib.util
import json
import operator
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "benchmarks" / "schema.json").read_text(encoding="utf-8"))
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
HOLDS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.run", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run", ROOT / "benchmarks" / "run.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_the_committed_results_keep_the_schema_and_no_claim_is_better_than_its_value(file):
    report = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(report, SCHEMA)
    for claim in report["claims"]:
        if claim["value"] is None:
            assert claim["met"] is None
        elif isinstance(claim["target"], str):
            sign, bound = claim["target"].split()
            assert claim["met"] == HOLDS[sign](claim["value"], float(bound)), claim["name"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": [{"name": "speed", "value": 1.0, "target": ">= 2"}]},
        {"claims": [{"name": "speed", "value": 1.0, "target": "fast", "met": True}]},
        {"results": {}},
        {"machine": {}},
        {"curves": {"Time": {"x": "ids", "y": "ms", "lines": {"tfseg": [[1, 2]]}}}},
    ],
)
def test_the_schema_refuses_other_shapes(wrong):
    report = json.loads(RESULTS[0].read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report | wrong, SCHEMA)


def test_a_quick_run_of_one_benchmark_writes_its_json(tmp_path):
    done = start("store", "--quick", f"--to={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "== store: done" in done.stdout
    report = json.loads((tmp_path / "store.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, SCHEMA)
    assert report["settings"] == {"rounds": 5}
    assert (report["trial"], report["claims"]) == (True, [])
    assert "its figures mean nothing" in done.stdout


def test_a_trial_is_kept_from_the_results_and_has_no_claims(tmp_path, monkeypatch, capsys):
    runner = loaded()
    for name in ("HERE", "RESULTS", "TRIAL"):
        monkeypatch.setattr(runner, name, tmp_path / name)
    runner.HERE.mkdir()
    entry = {"name": "speed", "value": 0.2, "target": ">= 2", "met": False}
    (runner.HERE / "new.py").write_text(
        "import json, pathlib, sys\n"
        'to = pathlib.Path(sys.argv[sys.argv.index("--to") + 1])\n'
        "to.parent.mkdir(exist_ok=True)\n"
        f"to.write_text(json.dumps(dict(claims=[{entry}], results=dict(new=1))))\n",
        "utf-8",
    )
    options = {"names": ["new"], "all": False, "to": None, "accuracy": None}
    assert runner.main(**options, quick=True) == 0
    assert '"speed"' not in capsys.readouterr().out
    trial = json.loads((runner.TRIAL / "new.json").read_text(encoding="utf-8"))
    assert trial == {"claims": [], "results": {"new": 1}, "trial": True}
    assert not runner.RESULTS.exists()
    assert runner.main(**options, quick=False) == 0
    assert json.dumps(entry) in capsys.readouterr().out
    assert json.loads((runner.RESULTS / "new.json").read_text("utf-8"))["claims"] == [entry]


@pytest.mark.parametrize("script", ["pipeline.py", "training.py"])
def test_a_quick_run_of_a_script_says_where_to(script):
    command = [sys.executable, ROOT / "benchmarks" / script, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--quick needs --to FILE" in done.stderr


def test_every_script_that_writes_results_is_a_benchmark_and_an_unknown_one_is_refused():
    done = start("no_such_benchmark")
    assert done.returncode == 1
    named = set(done.stderr.partition("Name some of ")[2].partition(", or")[0].split(", "))
    assert named >= {"accuracy", "augmentation", "heads", "metrics", "store"}
    assert not named & {"common", "report", "run"}


def test_accuracy_is_left_out_with_a_message_without_its_images(tmp_path):
    done = start("accuracy", f"--to={tmp_path}")
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "left out: accuracy")


def test_a_new_script_is_run_and_one_that_fails_is_counted(tmp_path, monkeypatch, capfd):
    runner = loaded()
    monkeypatch.setattr(runner, "HERE", tmp_path)
    takes = (
        'import pathlib, sys\nprint(sys.argv[1:])\nassert "--to" in sys.argv\n'
        "pathlib.Path(sys.argv[-1]).write_text('{}')\n"
    )
    (tmp_path / "new.py").write_text(f'{takes}assert "--quick" in sys.argv\n', "utf-8")
    (tmp_path / "broken.py").write_text(f"{takes}sys.exit(3)\n", "utf-8")
    (tmp_path / "part.py").write_text("raise AssertionError\n", "utf-8")  # takes no --to
    assert runner.main(names=[], all=True, quick=True, to=tmp_path, accuracy=None) == 1
    out = capfd.readouterr().out
    assert "== broken: FAILED with code 3" in out
    assert f"['--quick', '--to', '{tmp_path / 'new.json'}']" in out
    assert "== new: done" in out
    assert "== part" not in out
