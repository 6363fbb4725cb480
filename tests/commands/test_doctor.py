"""What a machine has and lacks for training."""

from __future__ import annotations

import json
import sys

import pytest
import tensorflow as tf

from tfseg import cuda
from tfseg.evaluation.doctor import coverage, driver_fact, is_installed, library_files

BUILT_FOR = ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"]


@pytest.mark.parametrize(
    ("capability", "text", "is_remedied"),
    [
        ((8, 0), "8.0: sm_80", False),
        ((8, 6), "8.6: sm_80", False),  # code for 8.0 runs on all 8.x
        ((8, 9), "8.9: sm_80", False),
        ((7, 5), "7.5: sm_70", False),
        ((9, 0), "9.0: compiled from compute_90 when the first step runs", True),
        ((12, 0), "12.0: compiled from compute_90 when the first step runs", True),
        ((5, 2), "5.2: none, TensorFlow is built for sm_60, sm_70", True),
    ],
)
def test_a_build_has_code_for_a_gpu_or_compiles_it_or_neither(capability, text, is_remedied):
    fact = coverage(capability, BUILT_FOR)
    assert text in fact.value
    assert bool(fact.remedy) == is_remedied


def test_a_library_is_looked_for_in_the_packages_of_pip(tmp_path, monkeypatch):
    assert not is_installed("libcudnn.so.9")
    information = tmp_path / "nvidia_cudnn_cu12-9.3.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: nvidia-cudnn-cu12\nVersion: 9.3.0\n")
    (information / "RECORD").write_text("nvidia/cudnn/lib/libcudnn.so.9,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("libcudnn.so.9")
    assert not is_installed("libcudnn.so.8")


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_without_a_gpu_nothing_is_lacking(tfseg):
    result = tfseg("doctor", "--json")
    rows = json.loads(result.out)["facts"]
    facts = {fact["name"]: fact for fact in reversed(rows)}
    assert result.code == int(any(fact["remedy"] for fact in facts.values()))
    assert facts["python"]["value"].startswith(sys.version.split()[0])
    assert facts["GPU"]["value"].startswith("none: libcuda.so.1 finds no device")
    assert (
        facts["on a GPU"]["value"] == "prediction copies 3 maps to the host, and 0 operations more"
    )
    assert rows[-1]["value"] == "a training step keeps 0 large tensors on the host"
    assert facts["driver"]["value"].startswith("libcuda.so.1")
    assert "libcudnn.so.9" in facts["CUDA libraries"]["value"]
    assert not facts["memory"]["remedy"]


CARD = cuda.Card("NVIDIA H100", (9, 0), 80 * 2**30)


@pytest.mark.parametrize(
    ("driver", "on_bus", "text", "remedy"),
    [
        (None, 0, "libcuda.so.1 is missing; NVIDIA cards on the bus: 0", ""),
        (None, 2, "libcuda.so.1 is missing; NVIDIA cards on the bus: 2", "Install NVIDIA's driver"),
        (cuda.Driver((12, 2), (CARD,)), 1, "libcuda.so.1 is there, for CUDA up to 12.2", ""),
        (cuda.Driver((13, 0), (CARD,)), 1, "for CUDA up to 13.0", ""),
        (cuda.Driver((11, 8), (CARD,)), 1, "for CUDA up to 11.8", "Update the driver"),
        (cuda.Driver((12, 4), ()), 2, "finds none of 2", "Look at CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_driver_is_missing_too_old_or_finds_no_card(driver, on_bus, text, remedy):
    fact = driver_fact(driver, on_bus=on_bus, needed="12.5.1")
    assert text in fact.value
    assert fact.remedy.startswith(remedy) and bool(fact.remedy) == bool(remedy)


def test_libraries_have_the_versions_that_tensorflow_asks_for():
    requirements = [
        'nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
        'nvidia-cufft-cu12<12.0,>=11.2.3.61; extra == "and-cuda"',
        'nvidia-cuda-nvcc-cu12<13.0,>=12.5.82; extra == "and-cuda"',
        "numpy>=1.26.0",
    ]
    assert library_files(requirements) == ["libcublas.so.12", "libcufft.so.11", "ptxas"]
