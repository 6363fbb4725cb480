"""The files for containers and clusters keep the schemas of the programs that read them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SLURM = DEPLOY / "slurm.sh"
# Options of sbatch, from its manual, that a training may need.
SBATCH = {
    *("account", "array", "constraint", "cpus-per-task", "error", "exclusive", "gpus-per-node"),
    *("gpus-per-task", "gres", "job-name", "mail-type", "mail-user", "mem", "mem-per-cpu"),
    *("no-requeue", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "partition"),
    *("qos", "requeue", "signal", "time"),
}


def test_the_options_and_the_syntax_of_the_script_for_slurm_are_valid():
    text = SLURM.read_text(encoding="utf-8")
    given = re.findall(r"^#SBATCH --([\w-]+)", text, re.MULTILINE)
    assert len(given) > 5
    assert set(given) <= SBATCH
    # sbatch reads its options up to the first command.
    assert text.rindex("#SBATCH") < text.index("\nset ")
    subprocess.run(["bash", "-n", str(SLURM)], check=True)


@pytest.mark.parametrize(
    ("code", "started", "queued"), [(0, False, False), (143, True, True), (2, True, False)]
)
def test_a_job_at_its_time_limit_is_queued_again(code, started, queued, tmp_path):
    (tmp_path / "bin").mkdir()
    for name, ending in {"srun": code, "scontrol": 0}.items():
        script = f'#!/bin/bash\necho {name} "$@" >> "$LOG"\nexit {ending}\n'
        (tmp_path / "bin" / name).write_text(script, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    if started:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.yaml").touch()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "LOG": str(tmp_path / "log"), "SLURM_JOB_ID": "7"}
    command = ["bash", str(SLURM), "data", "run", "--train.steps", "9"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == code
    first, *others = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    resume = "--resume " if started else ""
    assert first == f"srun tfseg train data run {resume}--train.steps 9"
    assert others == (["scontrol requeue 7"] if queued else [])


def test_the_job_for_kubernetes_keeps_the_schema():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    job = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    kubernetes_validate.validate(job, "1.31", strict=True)
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["ressources"] = container.pop("resources")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.31", strict=True)


def test_the_script_of_the_job_is_valid_and_reads_only_what_it_mounts():
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    subprocess.run(["sh", "-n", "-c", script], check=True)
    (mount,) = container["volumeMounts"]
    assert all(path.startswith(mount["mountPath"]) for path in re.findall(r"/\S+/\S+", script))


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.gpu"])
def test_a_dockerfile_says_that_it_was_not_built_and_installs_with_the_constraints(name):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert "Not built by the project's tests" in text
    steps = re.findall(r"^([A-Z]+) ", text, re.MULTILINE)
    assert steps[0] == "FROM"
    assert set(steps) <= {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}
    assert re.search(r"-c constraints.txt ('\.\[gpu\]'|\.) ", text)
