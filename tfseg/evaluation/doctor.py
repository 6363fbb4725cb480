"""What a machine has for training, and what it lacks, each with its remedy."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from tfseg import cuda, machine, operating_system
from tfseg.evaluation import gpu_graphs
from tfseg.version import __version__

_PACKAGES = ("tensorflow", "keras", "segmentation-models", "numpy")
# What TensorFlow uses of the packages of its extra and-cuda; a library has their major version.
_LIBRARIES = {
    "nvidia-cuda-runtime": "libcudart.so",
    "nvidia-cublas": "libcublas.so",
    "nvidia-cufft": "libcufft.so",
    "nvidia-curand": "libcurand.so",
    "nvidia-cusolver": "libcusolver.so",
    "nvidia-cusparse": "libcusparse.so",
    "nvidia-cudnn": "libcudnn.so",
    "nvidia-nccl": "libnccl.so",
    "nvidia-cuda-cupti": "libcupti.so",
    "nvidia-nvjitlink": "libnvJitLink.so",
    "nvidia-cuda-nvcc": "ptxas",
}
_REQUIREMENT = re.compile(r"(nvidia-[a-z-]+)-cu\d+.*>=(\d+)")
_INSTALL = "Install them with pip install 'tfseg[gpu]'."
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
    return [*_software(), *_machine(), *_gpus(), *_placement()]


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
    count, share = operating_system.num_processors(), machine.usable_processors()
    quota = f", of which a container may use the time of {share:.1f}" if share < count else ""
    yield Fact("processors", f"{count} of {os.cpu_count()}{quota}")
    total, usable = operating_system.total_memory(), machine.usable_memory()
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
    driver, on_bus = cuda.driver(), cuda.cards_on_bus()
    yield driver_fact(driver, on_bus=on_bus, needed=build["cuda_version"])
    cards = driver.cards if driver else ()
    yield _libraries(needed=bool(cards))
    if not cards:
        yield Fact("GPU", f"none: {cuda.DRIVER} finds no device, so training runs on the CPU")
        return
    for number, card in enumerate(cards):
        yield Fact(f"GPU:{number}", f"{card.name}, {card.memory / 2**30:.1f} GiB")
        yield coverage(card.capability, targets)
    visible = len(tf.config.list_physical_devices("GPU"))
    yield Fact(
        "GPU",
        f"{len(cards)} in the machine, {visible} of them used by TensorFlow",
        "" if visible else f"{_INSTALL} If they are there, update the driver.",
    )


def driver_fact(driver: cuda.Driver | None, *, on_bus: int, needed: str) -> Fact:
    """Returns whether the driver is there, finds the cards, and is new enough.

    Source: CUDA Compatibility, section "Minor Version Compatibility": a program that was built with
    one CUDA 12 runs with the driver of any CUDA 12.

    Args:
        driver: what `cuda.driver` returned.
        on_bus: number of NVIDIA cards on the bus.
        needed: the CUDA with which TensorFlow was built, such as "12.5.1".
    """
    name = "driver"
    if driver is None:
        remedy = (
            "Install NVIDIA's driver; in a container, start it with --gpus all (docker) or --nv "
            "(apptainer)."
        )
        text = f"{cuda.DRIVER} is missing; NVIDIA cards on the bus: {on_bus}"
        return Fact(name, text, remedy if on_bus else "")
    version = ".".join(map(str, driver.version))
    text = f"{cuda.DRIVER} is there, for CUDA up to {version}"
    if driver.version[0] < int(needed.split(".")[0]):
        return Fact(name, text, f"Update the driver to one for CUDA {needed} or later.")
    if on_bus and not driver.cards:
        remedy = "Look at CUDA_VISIBLE_DEVICES, and at what nvidia-smi says."
        return Fact(name, f"{text}; it finds none of {on_bus} NVIDIA cards on the bus", remedy)
    return Fact(name, text)


def _libraries(*, needed: bool) -> Fact:
    """Returns which libraries of CUDA are there, and which are missing."""
    files = library_files(importlib.metadata.requires("tensorflow") or [])
    missing = [file for file in files if not _is_there(file)]
    present = [file for file in files if file not in missing]
    parts = {"there": present, "missing": missing}
    text = "; ".join(f"{name}: {', '.join(some)}" for name, some in parts.items() if some)
    return Fact("CUDA libraries", text, _INSTALL if missing and needed else "")


def library_files(requirements: Sequence[str]) -> list[str]:
    """Returns the names of CUDA's libraries from the requirements of TensorFlow's package."""
    matches = filter(None, map(_REQUIREMENT.match, requirements))
    files = [(_LIBRARIES.get(match[1], ""), match[2]) for match in matches]
    return [f"{name}.{major}" if name.endswith(".so") else name for name, major in files if name]


def _is_there(file: str) -> bool:
    if ".so" in file:
        return cuda.loaded(file) is not None or is_installed(file)
    return shutil.which(file) is not None or is_installed(file)


def _placement() -> Iterator[Fact]:
    """Reads from graphs what would be copied from a GPU to the host, as the tests do."""
    remedy = "Report it: this version of TensorFlow has other kernels."
    name = "on a GPU"
    held, moved = gpu_graphs.prediction()
    text = f"prediction copies {moved} maps to the host, and {held} operations more"
    yield Fact(name, text, remedy if held else "")
    held, moved = gpu_graphs.training_step()
    text = f"a training step keeps {held + moved} large tensors on the host"
    yield Fact(name, text, remedy if held + moved else "")


def is_installed(file: str) -> bool:
    """Returns whether a package of NVIDIA in pip has a library, where TensorFlow looks for it."""
    return any(
        path.name == file
        for package in importlib.metadata.distributions()
        if (package.metadata["Name"] or "").startswith("nvidia-")
        for path in package.files or ()
    )
