"""What a machine has for training, and what it lacks, each with its remedy."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from tfseg import placement
from tfseg.config import ModelConfig
from tfseg.data.pipeline.cache import memory_bytes
from tfseg.inference.segmenter import Segmenter
from tfseg.networks.build import build_model
from tfseg.version import __version__

_PACKAGES = ("tensorflow", "keras", "segmentation-models", "numpy")
_DRIVER = "libcuda.so.1"
# What TensorFlow loads to use a GPU, with the number of the version in the name of the file.
_LIBRARIES = {
    "libcudart.so": "cuda_version",
    "libcublas.so": "cuda_version",
    "libcudnn.so": "cudnn_version",
}
_INSTALL = "Install them with pip install 'tfseg[gpu]'."
_MAJOR, _MINOR = 75, 76  # attributes of a device: its compute capability
_IMAGE, _MANY = (1, 256, 256, 1), 1024
_LEAST_FREE = 5e9  # bytes of disk; checkpoints, caches and logs of a training


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something about the machine.

    Attributes:
        name: what it is about.
        value: in words.
        remedy: what to do; empty if all is well.
    """

    name: str
    value: str
    remedy: str = ""


def facts() -> list[Fact]:
    """Returns versions, processors, memory, disk, and everything that a GPU needs."""
    return [*_software(), *_machine(), *_gpus(), _decoding()]


def coverage(capability: tuple[int, int], built_for: Sequence[str]) -> Fact:
    """Returns whether a build of TensorFlow has machine code for a GPU.

    Source: CUDA C++ Programming Guide, section "Application Compatibility": code for sm_80 runs on
    8.0 and later 8.x; code for compute_90 is compiled on any GPU from 9.0 on.

    Args:
        capability: compute capability of the GPU, such as (8, 6).
        built_for: such as ["sm_80", "compute_90"].
    """
    major, minor = capability
    name, text = "code for the GPU", f"compute capability {major}.{minor}"
    for kind, number in (target.split("_") for target in built_for):
        built = divmod(int(number.rstrip("a")), 10)
        if kind == "sm" and built[0] == major and built[1] <= minor:
            return Fact(name, f"{text}: {kind}_{number}")
    for kind, number in (target.split("_") for target in built_for):
        if kind == "compute" and divmod(int(number.rstrip("a")), 10) <= capability:
            return Fact(
                name,
                f"{text}: compiled from {kind}_{number} when the first step runs",
                "Set CUDA_CACHE_MAXSIZE=4294967296, so that the compiled code is kept: the first "
                "step can take half an hour, once.",
            )
    return Fact(
        name,
        f"{text}: none, TensorFlow is built for {', '.join(built_for)}",
        "Use another GPU, or a TensorFlow that was built for this one.",
    )


def _software() -> Iterator[Fact]:
    yield Fact("tfseg", __version__)
    yield Fact("python", f"{platform.python_version()}, {platform.platform()}")
    for package in _PACKAGES:
        yield Fact(package, importlib.metadata.version(package))


def _machine() -> Iterator[Fact]:
    yield Fact("processors", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    usable = memory_bytes()
    limit = f", of which a container may use {usable / 2**30:.1f}" if usable < total else ""
    yield Fact("memory", f"{total / 2**30:.1f} GiB{limit}")
    free = shutil.disk_usage(Path.cwd()).free
    remedy = "Free some space, or train in another folder." if free < _LEAST_FREE else ""
    yield Fact("free disk", f"{free / 2**30:.1f} GiB here", remedy)


def _gpus() -> Iterator[Fact]:
    build = tf.sysconfig.get_build_info()
    if not build["is_cuda_build"]:
        yield Fact("TensorFlow", "built without CUDA: it trains on the CPU")
        return
    targets = build["cuda_compute_capabilities"]
    versions = f"CUDA {build['cuda_version']} and cuDNN {build['cudnn_version']}"
    yield Fact("TensorFlow", f"built with {versions}, for {', '.join(targets)}")
    capabilities = _capabilities()
    if not capabilities:
        yield Fact("GPU", f"none: {_DRIVER} finds no device, so training runs on the CPU")
        return
    for capability in capabilities:
        yield coverage(capability, targets)
    files = [f"{name}.{build[key].split('.')[0]}" for name, key in _LIBRARIES.items()]
    missing = [file for file in files if _loaded(file) is None and not is_installed(file)]
    if missing:
        yield Fact("CUDA libraries", f"missing: {', '.join(missing)}", _INSTALL)
    else:
        yield Fact("CUDA libraries", f"{', '.join(files)} are there")
    visible = len(tf.config.list_physical_devices("GPU"))
    yield Fact(
        "GPU",
        f"{len(capabilities)} in the machine, {visible} of them used by TensorFlow",
        "" if visible else f"{_INSTALL} If they are there, update the driver.",
    )


def _decoding() -> Fact:
    """Reads from the graph of a prediction what would be copied from a GPU to the host."""
    config = ModelConfig(channels=1)
    segmenter = Segmenter(build_model(config), config)
    function = segmenter.serve.get_concrete_function(tf.TensorSpec(_IMAGE, tf.uint8))
    held = placement.held_by_host(function, at_least=_MANY)
    moved = placement.moved_to_host(function, at_least=_MANY)
    text = f"prediction copies {len(moved)} maps to the host, and {len(held)} operations more"
    remedy = "Report it: this version of TensorFlow has other kernels." if held else ""
    return Fact("on a GPU", text, remedy)


def _loaded(file: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(file)
    except OSError:
        return None


def is_installed(file: str) -> bool:
    """Returns whether a package of NVIDIA in pip has a library, where TensorFlow looks for it."""
    return any(
        path.name == file
        for package in importlib.metadata.distributions()
        if (package.metadata["Name"] or "").startswith("nvidia-")
        for path in package.files or ()
    )


def _capabilities() -> list[tuple[int, int]]:
    """Returns the compute capability of each GPU that the driver knows."""
    driver = _loaded(_DRIVER)
    count = ctypes.c_int()
    if driver is None or driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []

    def attribute(which: int, device: int) -> int:
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), which, device)
        return value.value

    return [(attribute(_MAJOR, number), attribute(_MINOR, number)) for number in range(count.value)]
