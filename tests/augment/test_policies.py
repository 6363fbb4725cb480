"""Ready lists of transforms, by name in a configuration and on pictures."""

from __future__ import annotations

import dataclasses
import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from tfseg import config, random
from tfseg.augment import IGNORE, AffineMove, Chain, GaussNoise, Geometric, from_spec, to_spec
from tfseg.augment.policies import POLICIES, light, natural, nuclei, satellite
from tfseg.checks import InputError

SIZE, COUNT = 16, 8
# Those without colours are for any number of channels.
CHANNELS = {"nuclei": 1, "natural": 3, "satellite": 3, "light": 1}
every_policy = pytest.mark.parametrize("name", POLICIES)


def example(channels: int) -> dict[str, np.ndarray]:
    """Returns a batch of noise whose ids are all different."""
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (COUNT, SIZE, SIZE, channels), dtype=np.uint8)
    label = np.arange(COUNT * SIZE * SIZE, dtype=np.int32).reshape(COUNT, SIZE, SIZE)
    return {"image": image, "label": label}


@functools.cache
def moved(name: str) -> dict[str, np.ndarray]:
    root = random.root(5)
    seeds = tf.stack([random.fold_in(root, k) for k in range(COUNT)])
    made = Chain(POLICIES[name]())(example(CHANNELS[name]), seeds)
    return {key: value.numpy() for key, value in made.items()}


def test_the_policies_are_the_four_of_the_documentation():
    assert list(POLICIES) == ["nuclei", "natural", "satellite", "light"]
    assert list(POLICIES.values()) == [nuclei, natural, satellite, light]


@every_policy
def test_a_policy_goes_through_json_unchanged(name):
    policy = POLICIES[name]()
    assert tuple(from_spec(json.loads(json.dumps(to_spec(policy))))) == policy


@every_policy
def test_the_name_of_a_policy_stands_for_its_transforms(name):
    noise = {"name": "GaussNoise", "p": 0.25}
    assert from_spec([name]) == list(POLICIES[name]())
    assert from_spec([noise, name, noise]) == [
        GaussNoise(p=0.25),
        *POLICIES[name](),
        GaussNoise(p=0.25),
    ]


@every_policy
def test_a_policy_says_why_and_cannot_be_changed(name):
    assert " because " in POLICIES[name].__doc__ or " so " in POLICIES[name].__doc__
    policy = POLICIES[name]()
    assert isinstance(policy, tuple)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy[0].p = 1.0


def test_a_configuration_may_name_a_policy(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("augment: [light, {name: GaussNoise}]\n", encoding="utf-8")
    read = config.read(path)
    assert from_spec(read.augment) == [*light(), GaussNoise()]
    config.write(read, path)
    assert config.read(path) == read


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nuclie", r"got 'nuclie'\. Did you mean 'nuclei'\?$"),
        ("Light", r"policies nuclei, natural, satellite, light; got 'Light'\. .*'light'\?$"),
        ("HorizontalFlip", r'^augment must be a list of \{"name": \.\.\.\} and .*; got'),
        ({"name": "light"}, r"^augment\.name must be one of .*; got 'light'"),
        (["light"], r"got \['light'\]\.$"),
    ],
)
def test_an_unknown_policy_is_refused_with_the_nearest_name(entry, message):
    with pytest.raises(InputError, match=message):
        from_spec(["natural", entry])


@every_policy
def test_a_policy_moves_image_and_ids_and_makes_no_new_ones(name):
    before, after = example(CHANNELS[name]), moved(name)
    assert after["image"].shape == before["image"].shape
    assert after["image"].min() >= 0 and after["image"].max() <= 1
    assert after["image"].std() > 0.1
    for ids, made in zip(before["label"], after["label"], strict=True):
        assert set(np.unique(made)) <= {IGNORE, *ids.flat}
    changed = [(a != b).any() for a, b in zip(before["label"], after["label"], strict=True)]
    assert sum(changed) >= 2


def test_the_light_policy_loses_no_pixel():
    for ids, made in zip(example(1)["label"], moved("light")["label"], strict=True):
        assert sorted(ids.flat) == sorted(made.flat)


def test_the_natural_policy_keeps_up_and_down():
    for ids, made in zip(example(1)["label"], moved("natural")["label"], strict=True):
        rows = np.where(made == IGNORE, np.nan, (made - ids.min()) // SIZE)
        assert np.nanmean(rows[: SIZE // 2]) + SIZE / 4 < np.nanmean(rows[SIZE // 2 :])


@pytest.mark.parametrize("policy", [satellite, natural, light])
def test_straight_edges_stay_straight_but_for_nuclei(policy):
    moves = [transform for transform in policy() if isinstance(transform, Geometric)]
    assert all(isinstance(move, AffineMove) for move in moves)
    assert not all(isinstance(t, AffineMove) for t in nuclei() if isinstance(t, Geometric))
