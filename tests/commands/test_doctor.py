"""What a machine has and lacks for training."""

from __future__ import annotations

import json
import sys

import pytest
import tensorflow as tf

from tfseg.evaluation.doctor import coverage, is_installed

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
    facts = {fact["name"]: fact for fact in json.loads(result.out)["facts"]}
    assert result.code == int(any(fact["remedy"] for fact in facts.values()))
    assert facts["python"]["value"].startswith(sys.version.split()[0])
    assert facts["GPU"]["value"].startswith("none: libcuda.so.1 finds no device")
    assert (
        facts["on a GPU"]["value"] == "prediction copies 3 maps to the host, and 0 operations more"
    )
    assert not facts["memory"]["remedy"]
