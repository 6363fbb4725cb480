"""The questions of the benchmark, and the contenders of each."""

from __future__ import annotations

import dataclasses
from typing import Any

from peers import policies


@dataclasses.dataclass(frozen=True)
class Contender:
    """Work for a library.

    Attributes:
        peer: tfseg, keras or the name of an environment; "tfseg, two cores" has two threads.
        policy: plain values of transforms.
        size: side of the image, relative to the usual one.
        ids: instances in the image.
        images: images augmented per step.
        how: further arguments of the library's `build`.
    """

    peer: str
    policy: list[dict[str, Any]]
    size: float = 1.0
    ids: int = 100
    images: int = 1
    how: dict[str, Any] = dataclasses.field(default_factory=dict)


Question = dict[str, Contender]  # the ratios are to the first


def _among(policy: list[dict[str, Any]], *peers: str, size: float = 1.0) -> Question:
    return {peer: Contender(peer, policy, size) for peer in ("tfseg", *peers)}


def questions() -> dict[str, Question]:
    """Returns the contenders of every question on the CPU."""
    nine, five = policies.policy(), policies.policy(*policies.FIVE)
    compose = ("albumentationsx", "albumentations")
    asked = {f"all nine, p={p:g}": _among(policies.policy(p=p), *compose) for p in (1.0, 0.5, 0.1)}
    for name in policies.FIVE[1:]:
        asked[f"{name} alone"] = _among(policies.policy(name), *compose)
    asked["ElasticTransform alone, sigma 50"] = _among(policies.SMOOTH_ELASTIC, *compose)
    addons = "tensorflow-addons"
    asked["five geometric"] = _among(five, *compose, addons) | {
        f"{addons}, own operations": Contender(  # words: allow (a key of the results)
            addons, five, how={"operations": True}
        )
    }
    asked["Keras layers"] = _among(policies.policy(*policies.GEOMETRIC), "keras")
    asked["flips and ShiftScaleRotate"] = _among(
        policies.policy(*policies.GEOMETRIC), *compose, *policies.GEOMETRIC_PEERS
    )
    asked["flips and ShiftScaleRotate, two threads"] = {
        f"{name}, two cores": Contender(
            f"{name}, two cores",
            policies.policy(*policies.GEOMETRIC),
            images=images,
            how=how,
        )
        for name, images, how in (
            ("tfseg", 96, {"workers": 2, "batch": 96}),
            ("torchvision", 1, {}),
            ("kornia", 1, {}),
        )
    }
    for share in (0.5, 2.0):
        asked[f"all nine, image x {share:g}"] = _among(nine, *compose, size=share)
    asked["workers of Dataset.map"] = {
        name: Contender("tfseg, two cores", nine, images=96, how={"workers": count, "batch": 96})
        for name, count in (("two workers", 2), ("one worker", 1))
    }
    asked["ids in the image"] = {
        f"{count} ids": Contender("tfseg", nine, ids=count) for count in (10, 100, 1000)
    }
    for p in (1.0, 0.5):
        asked[f"a call for 8 images, p={p:g}"] = {
            name: Contender(
                "tfseg", policies.policy(p=p), images=8, how={"batch": 8, "at_once": at_once}
            )
            for name, at_once in (("a call for each", False), ("a call for all", True))
        }
    return asked


def gpu_questions() -> dict[str, Question]:
    """Returns the questions on a GPU, after batching."""
    return {
        f"32 images on the device, image x {share:g}": {
            f"p={p:g}": Contender(
                "tfseg", policies.policy(p=p), share, images=32, how={"batch": 32, "device": True}
            )
            for p in (1.0, 0.5)
        }
        for share in (1.0, 0.5)
    }
