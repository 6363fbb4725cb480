"""What the environment says of the processes that train together."""

from __future__ import annotations

import json

import pytest

from tfseg.checks import InputError
from tfseg.training import cluster
from tfseg.training.strategy import make_strategy

HOSTS = ["a:1", "b:1"]


def tf_config(jobs: dict, kind: str = "worker", index: int = 0) -> str:
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_the_process_is_alone():
    assert cluster.find_resolver() is None
    assert cluster.is_chief(None)
    assert cluster.num_workers(None) == 1


@pytest.mark.parametrize(
    ("jobs", "kind", "index", "chief"),
    [
        ({"worker": HOSTS}, "worker", 0, True),
        ({"worker": HOSTS}, "worker", 1, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0, True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0, False),
    ],
)
def test_one_of_them_is_the_chief(monkeypatch, jobs, kind, index, chief):
    monkeypatch.setenv("TF_CONFIG", tf_config(jobs, kind, index))
    resolver = cluster.find_resolver()
    assert cluster.num_workers(resolver) == 2
    assert cluster.is_chief(resolver) is chief


@pytest.mark.parametrize("value", ["{}", tf_config({"worker": ["a:1"]})])
def test_a_cluster_of_one_is_no_cluster(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    assert cluster.find_resolver() is None


@pytest.mark.parametrize(
    "value",
    [
        "{worker",
        json.dumps({"cluster": {"worker": HOSTS}}),
        tf_config({"worker": HOSTS}, index=2),
        tf_config({"worker": HOSTS}, "chief"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(InputError, match=r'TF_CONFIG must be JSON such as {"cluster": .* got'):
        cluster.find_resolver()


def test_processes_that_do_not_train_are_refused(monkeypatch):
    jobs = {"worker": HOSTS, "ps": ["c:1"], "evaluator": ["d:1"]}
    monkeypatch.setenv("TF_CONFIG", tf_config(jobs))
    with pytest.raises(InputError, match="chief and worker; got evaluator, ps too"):
        cluster.find_resolver()


def test_slurm_names_the_tasks_of_the_job_step(monkeypatch):
    step = {
        "SLURM_JOB_ID": "4002",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "node[07-08]",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
        "SLURM_PROCID": "3",
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    resolver = cluster.find_resolver()
    assert resolver.cluster_spec().as_dict() == {
        "worker": ["node07:12032", "node07:12033", "node08:12032", "node08:12033"]
    }
    assert (resolver.task_type, resolver.task_id) == ("worker", 3)
    assert not cluster.is_chief(resolver)


def test_a_job_of_one_task_is_no_cluster(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert cluster.find_resolver() is None


def test_multi_worker_without_workers_is_refused():
    with pytest.raises(InputError, match=r"TF_CONFIG with several workers.*--launch 2"):
        make_strategy(kind="multi_worker")


def test_devices_of_several_workers_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": HOSTS}))
    with pytest.raises(InputError, match=r"devices.names must be empty with 2 workers; got CPU:0"):
        make_strategy(("CPU:0",))


def test_workers_that_come_too_late_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": HOSTS}))
    make_strategy(kind="mirrored")  # which asks for the devices
    with pytest.raises(InputError, match=r"before TensorFlow runs its first operation"):
        make_strategy()
