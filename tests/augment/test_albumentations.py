"""Pipelines of albumentations as chains.

data/albumentations_*.json are what `A.save(A.Compose([...]), path)` of albumentations 2.0.8 wrote:
"every" has each transform that tfseg has, nothing at its default; "cells", "aerial" and "street"
are pipelines such as people use; "choices" is of nested choices; "foreign" is full of what tfseg
cannot do.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tfseg import random
from tfseg.augment import (
    CLAHE,
    D4,
    IGNORE,
    TRANSFORMS,
    Affine,
    Blur,
    CenterCrop,
    Chain,
    CoarseDropout,
    ElasticTransform,
    GaussianBlur,
    GaussNoise,
    GridDistortion,
    HorizontalFlip,
    HueSaturationValue,
    MedianBlur,
    MotionBlur,
    Normalize,
    OneOf,
    OpticalDistortion,
    PadIfNeeded,
    Perspective,
    Pixel,
    RandomBrightnessContrast,
    RandomCrop,
    RandomGamma,
    RandomResizedCrop,
    RandomRotate90,
    RandomScale,
    RandomSizedCrop,
    Resize,
    RGBShift,
    Rotate,
    Sampling,
    Sharpen,
    ShiftScaleRotate,
    SomeOf,
    ToGray,
    Transpose,
    VerticalFlip,
    from_spec,
    to_albumentations,
    to_spec,
)
from tfseg.augment.albumentations import from_albumentations
from tfseg.augment.albumentations_values import WRITTEN
from tfseg.checks import InputError

DATA = Path(__file__).parent / "data"
NAMES = ("every", "cells", "aerial", "street", "choices")
EVERY = [
    PadIfNeeded(min_height=600, min_width=640),
    RandomCrop(height=500, width=520),
    Resize(height=480, width=470),
    RandomResizedCrop(size=(400, 410), scale=(0.2, 0.9), ratio=(0.5, 2.0)),
    RandomSizedCrop(min_max_height=(200, 390), size=(380, 390), w2h_ratio=1.25),
    CenterCrop(height=300, width=310, pad_if_needed=True),
    HorizontalFlip(p=0.1),
    VerticalFlip(p=0.2),
    Transpose(p=0.3),
    RandomRotate90(p=0.4),
    D4(p=0.6),
    D4(p=0.7),  # written as SquareSymmetry
    Affine(
        scale=((0.9, 1.1), (0.8, 1.2)),
        translate_percent=((-0.3, 0.4), (-0.1, 0.2)),
        rotate=(-20, 30),
        shear=((-7, 8), (-5, 6)),
        p=0.8,
    ),
    Affine(scale=(0.5, 1.5), shear=(-4, 4), keep_ratio=True, p=0.9),
    Perspective(scale=(0.02, 0.08), p=0.15),
    RandomScale(scale_limit=(-0.3, 0.4), p=0.25),
    Rotate(limit=(-35, 45), p=0.35),
    ShiftScaleRotate(
        shift_limit=(-0.1, 0.1), scale_limit=(-0.2, 0.2), rotate_limit=(-15, 15), p=0.45
    ),
    ShiftScaleRotate(
        shift_limit=(0, 0.3),
        shift_limit_x=(-0.2, 0.1),
        scale_limit=(-0.1, 0.3),
        rotate_limit=(5, 25),
        p=0.55,
    ),
    ElasticTransform(alpha=120, sigma=12, same_dxdy=True, noise_distribution="uniform", p=0.65),
    ElasticTransform(alpha=90, sigma=9, p=0.36),
    GridDistortion(num_steps=4, distort_limit=(-0.2, 0.1), normalized=False, p=0.75),
    OpticalDistortion(distort_limit=(-0.3, 0.2), mode="fisheye", p=0.85),
    RandomBrightnessContrast(
        brightness_limit=(-0.1, 0.3), contrast_limit=(-0.4, 0.2), brightness_by_max=False, p=0.95
    ),
    RandomGamma(gamma_limit=(60, 150), p=0.05),
    HueSaturationValue(
        hue_shift_limit=(-5, 6), sat_shift_limit=(-7, 8), val_shift_limit=(-9, 10), p=0.12
    ),
    ToGray(p=0.13),
    GaussianBlur(blur_limit=(3, 7), sigma_limit=(0.1, 2.5), p=0.14),
    Blur(blur_limit=(5, 9), p=0.31),
    MedianBlur(blur_limit=(3, 5), p=0.32),
    MotionBlur(
        blur_limit=(5, 11),
        allow_shifted=False,
        angle_range=(10, 200),
        direction_range=(-0.5, 0.25),
        p=0.33,
    ),
    CLAHE(clip_limit=(1.5, 3.5), tile_grid_size=(4, 6), p=0.34),
    RGBShift(r_shift_limit=(-5, 6), g_shift_limit=(-7, 8), b_shift_limit=(-9, 10), p=0.35),
    Sharpen(alpha=(0.1, 0.6), lightness=(0.4, 1.2), p=0.16),
    GaussNoise(
        std_range=(0.01, 0.2),
        mean_range=(-0.1, 0.1),
        per_channel=False,
        noise_scale_factor=0.5,
        p=0.17,
    ),
    CoarseDropout(
        num_holes_range=(3, 5),
        hole_height_range=(8, 16),
        hole_width_range=(4, 12),
        fill=204 / 255,
        fill_mask=9,
        p=0.18,
    ),
    CoarseDropout(
        num_holes_range=(1, 4), hole_height_range=(0.05, 0.1), hole_width_range=(0.1, 0.2), p=0.19
    ),
    OneOf(transforms=(ToGray(p=0.2), RandomGamma(p=0.6)), p=0.21),
    SomeOf(
        transforms=(VerticalFlip(p=0.3), HorizontalFlip(p=0.4), Transpose(p=0.5)), n=(2, 2), p=0.22
    ),
    Normalize(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
]
FOREIGN = [
    "Compose.additional_targets['second'] must be 'mask'; got 'image'",
    "Compose.Equalize[0]: no such transform; the nearest is RandomGamma: a change of tone by one "
    "power",
    "Compose.OneOf[2].Perspective[0].keep_size must be True; got False",
    "Compose.OneOf[2].ZoomBlur[1]: no such transform; the nearest is GaussianBlur: its filter is a "
    "Gaussian, the same in all directions",
    "Compose.RandomOrder[3]: no such transform; the nearest is SomeOf: parts act in the order of "
    "the list",
    "Compose.RandomOrder[3].ElasticTransform[0].approximate must be False; got True",
    "Compose.RandomOrder[3].Sharpen[1].method must be 'kernel'; got 'gaussian'",
    "Compose.Affine[4].balanced_scale must be False; got True",
    "Compose.Affine[4].translate_px must be None; got {'x': (5.0, 5.0), 'y': (5.0, 5.0)}",
    "Compose.Affine[4].rotate must be (a, b) with -360 <= a <= b <= 360; got (-400.0, 400.0)",
    "Compose.Affine[4].shear must be (a, b) with -44 <= a <= b <= 44; got (-60.0, 60.0)",
    "Compose.Resize[6].interpolation must be one of 0 (nearest), 1 (bilinear), 2 (bicubic), "
    "5 (bilinear), 6 (nearest); got 3",
    "Compose.CoarseDropout[7].fill must be a number in [0, 1]; got 'random'",
    "Compose.SomeOf[8].replace must be False; got True",
    "Compose.SomeOf[8].ToGray[0].num_output_channels must be 3; got 1",
    "Compose.SomeOf[8].RandomBrightnessContrast[1].ensure_safe_range must be False; got True",
    "Compose.Normalize[9].normalization must be 'standard'; got 'image'",
    "border_mode must be the same in all transforms; got 'reflect_101' in "
    "Compose.OneOf[2].Perspective[0], 'constant' in Compose.RandomOrder[3].ElasticTransform[0] "
    "and Compose.Affine[4] and Compose.RandomCrop[5]",
    "fill must be the same in all transforms; got 0.0 in "
    "Compose.RandomOrder[3].ElasticTransform[0] and Compose.RandomCrop[5], (1.0, 2.0, 3.0) in "
    "Compose.Affine[4]",
]
# Parameters that say nothing about image and ids, or only with another value of a further one.
WITHOUT_EFFECT = {
    *("bbox_params", "keypoint_params", "is_check_shapes"),
    *("rotate_method", "keypoint_remapping_method", "padding"),
    *("RandomCrop.border_mode", "RandomCrop.fill", "RandomCrop.fill_mask"),
    *("RandomCrop.pad_position", "Sharpen.kernel_size", "Sharpen.sigma"),
    "RGBShift.noise_params",  # its limits again
}


class Pipeline:
    """Has what `A.Compose` has for `from_albumentations`, as far as it reads it."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def to_dict(self) -> dict[str, Any]:
        return self.values


def recorded(name: str) -> dict[str, Any]:
    return json.loads((DATA / f"albumentations_{name}.json").read_text(encoding="utf-8"))


def single(name: str) -> dict[str, Any]:
    """Returns the recorded entry of a transform, of the first where there are several."""
    entries = recorded("every")["transform"]["transforms"]
    return next(entry for entry in entries if entry["__class_fullname__"] == name)


def pipeline(*entries: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    values = recorded("street")["transform"] | {"transforms": list(entries)} | parameters
    return {"__version__": "2.0.8", "transform": values}


def converted(values: Any) -> tuple[Any, ...]:
    chain = from_albumentations(values)
    return chain.transforms, chain.sampling


def entries_of(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield entry
    for part in entry.get("transforms", ()):
        yield from entries_of(part)


def test_every_transform_keeps_all_its_parameters():
    chain = from_albumentations(recorded("every"))
    assert list(chain.transforms) == EVERY
    assert {type(transform).__name__ for transform in EVERY} == set(TRANSFORMS)


def test_border_fill_and_interpolation_become_the_sampling_of_the_chain():
    assert from_albumentations(recorded("every")).sampling == Sampling(
        interpolation="bicubic", border="constant", border_value=0.2, fill=7
    )


def test_a_pipeline_for_cells_is_carried_over():
    chain = from_albumentations(recorded("cells"))
    bend = ElasticTransform(alpha=300, sigma=20, noise_distribution="uniform", p=0.6)
    turn = Affine(scale=(0.8, 1.25), rotate=(-45, 45), keep_ratio=True, p=0.3)
    assert list(chain.transforms) == [
        PadIfNeeded(min_height=512, min_width=512),
        RandomCrop(height=512, width=512),
        D4(),
        OneOf(transforms=(bend, turn, Affine(p=0.1)), p=0.7),  # NoOp: a move that moves nothing
        RandomGamma(gamma_limit=(60, 140)),
        GaussianBlur(sigma_limit=(0.5, 1.5), p=0.2),
        GaussNoise(std_range=(0, 0.05)),
    ]
    assert chain.sampling == Sampling(
        border="reflect_101", fill=IGNORE, others={"weights": "nearest"}
    )


def test_a_pipeline_for_streets_is_carried_over():
    chain = from_albumentations(recorded("street"))
    assert list(chain.transforms) == [
        RandomResizedCrop(size=(512, 1024), scale=(0.25, 1.0), ratio=(1.5, 2.5)),
        HorizontalFlip(),
        RandomBrightnessContrast(),
        CoarseDropout(
            num_holes_range=(1, 8),
            hole_height_range=(0.02, 0.1),
            hole_width_range=(0.02, 0.1),
            p=0.3,
        ),
        Normalize(),
    ]
    assert chain.sampling == Sampling()


def test_sequences_inside_each_other_are_one_where_all_of_them_always_act():
    (choice,) = from_albumentations(recorded("aerial")).transforms
    assert (choice.p, choice.n) == (0.9, (5, 5))
    names = [type(part).__name__ for part in choice.transforms]
    assert names == ["SomeOf", "SomeOf", "OneOf", "CoarseDropout", "Normalize"]
    turns = choice.transforms[1]
    assert (turns.p, turns.n) == (0.4, (3, 3))
    assert turns.transforms == (Rotate(limit=(-30, 30)), RandomScale(), HueSaturationValue())


def test_what_normalizes_pixel_values_normalizes_image_values():
    normalize = from_albumentations(recorded("aerial")).transforms[0].transforms[-1]
    np.testing.assert_allclose(normalize.mean, np.array([103.5, 116.25, 123.75]) / 255)
    np.testing.assert_allclose(normalize.std, np.array([57.5, 57.0, 58.5]) / 255)


def test_every_part_of_nested_choices_acts_as_often_as_in_albumentations():
    chain, root, count = from_albumentations(recorded("choices")), random.root(3), 1500
    drawn = tf.data.Dataset.range(count).map(
        lambda k: {n: params["on"] for n, params in chain.sample(random.fold_in(root, k)).items()}
    )
    on = next(iter(drawn.batch(count)))
    # Also counted in 20,000 runs of albumentations 2.0.8: within 0.005 of each of them.
    first, one, some = 0.95 * 0.4, 0.95 * 0.8 / 1.25, 0.95 * 0.9 * 2 / 3
    expected = {
        "HorizontalFlip": first * 0.3,
        "ToGray": first * 0.6,
        "VerticalFlip": one * 0.2 * 0.5,
        "RandomGamma": one * 0.2 * 0.9,
        "Transpose": one * 0.3 * 0.3 * 2 / 3 * 0.7,  # a SomeOf draws with its p a second time
        "Sharpen": one * 0.3 * 0.3 * 2 / 3 * 0.5,
        "D4": one * 0.3 * 0.3 * 2 / 3,
        "GaussNoise": one * 0.5 * 0.2,
        "GaussianBlur": one * 0.5 * 0.8,
        "Affine": one * 0.25,
        "RandomRotate90": some * 0.5,
        "HueSaturationValue": some * 0.6 * 0.25,
        "RandomBrightnessContrast": some * 0.6 * 0.75,
        "CoarseDropout": some * 0.5,
    }
    shares = {name.split("/")[-2]: float(np.mean(value)) for name, value in on.items()}
    assert shares.keys() == expected.keys()
    for name, share in shares.items():
        deviation = np.sqrt(expected[name] * (1 - expected[name]) / count)
        assert abs(share - expected[name]) < 4 * deviation, name


@pytest.mark.parametrize("name", NAMES)
def test_object_dict_text_and_file_give_the_same_chain(name):
    values, path = recorded(name), DATA / f"albumentations_{name}.json"
    expected = converted(values)
    for source in (Pipeline(values), json.dumps(values, indent=1), path, str(path)):
        assert converted(source) == expected
    assert values == recorded(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_carried_over_goes_through_a_configuration_unchanged(name):
    chain = from_albumentations(recorded(name))
    assert from_spec(json.loads(json.dumps(to_spec(chain.transforms)))) == list(chain.transforms)


def test_a_chain_carried_over_moves_image_and_ids():
    chain = from_albumentations(recorded("aerial"))
    label = np.kron(np.arange(16, dtype=np.int32).reshape(4, 4), np.ones((4, 4), np.int32))
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    moved = chain({"image": image, "label": label}, random.root(1))
    assert moved["image"].shape == (16, 16, 3)
    assert np.isfinite(moved["image"]).all()
    assert set(np.unique(moved["label"])) <= set(range(16))


@pytest.mark.parametrize("name", NAMES)
def test_a_chain_goes_to_albumentations_and_back(name):
    chain = from_albumentations(recorded(name))
    assert converted(to_albumentations(chain)) == (chain.transforms, chain.sampling)
    unit = to_albumentations(chain, max_pixel_value=1.0)
    back = from_albumentations(unit, max_pixel_value=1.0)
    assert (back.transforms, back.sampling) == (chain.transforms, chain.sampling)


def test_values_are_written_in_the_units_of_the_pipeline():
    sampling = Sampling(border="constant", border_value=0.2, fill=7)
    chain = Chain([Rotate(), CoarseDropout(fill=0.4), Normalize(mean=0.5)], sampling=sampling)
    turn, dropout, normalize = to_albumentations(chain)["transform"]["transforms"]
    assert (turn["border_mode"], turn["fill"], turn["fill_mask"]) == (0, 51.0, 7)
    assert dropout["fill"] == 102.0
    assert (normalize["mean"], normalize["max_pixel_value"]) == (0.5, 255.0)


def test_a_choice_in_a_choice_is_not_drawn_twice_in_albumentations():
    some = SomeOf((VerticalFlip(), HorizontalFlip(), Transpose()), 2, p=0.25)
    chain = Chain([OneOf((some, GaussNoise(p=0.75)), p=1.0)])
    (entry,) = to_albumentations(chain)["transform"]["transforms"]
    # As a part of OneOf, SomeOf of albumentations would draw with its p, here a weight, again.
    wrapped = entry["transforms"][0]
    assert (wrapped["__class_fullname__"], wrapped["p"]) == ("Sequential", 0.25)
    assert (wrapped["transforms"][0]["n"], wrapped["transforms"][0]["p"]) == (2, 1.0)
    (choice,) = from_albumentations(to_albumentations(chain)).transforms
    always = dataclasses.replace(some, p=1.0)
    assert choice == OneOf((SomeOf((always,), p=0.25), GaussNoise(p=0.75)), p=1.0)


@dataclasses.dataclass(frozen=True)
class Solarize(Pixel):
    p: float = 0.5

    def change(self, image: tf.Tensor, params: dict[str, tf.Tensor]) -> tf.Tensor:
        return image


def test_everything_that_albumentations_does_not_have_is_named_at_once():
    some = SomeOf((HorizontalFlip(), Solarize(), VerticalFlip()), (1, 2))
    sampling = Sampling(fill=0, others={"weights": "bilinear"}, dtype="float16")
    with pytest.raises(InputError) as error:
        to_albumentations(Chain([HorizontalFlip(), OneOf((some,))], sampling=sampling))
    assert str(error.value).split("\n- ")[1:] == [
        "Sampling.dtype must be 'float32'; got 'float16'",
        "Sampling.others['weights'] must be 'nearest'; got 'bilinear'",
        "Sampling.fill must be -1 for the border 'reflect_101'; got 0",
        "Chain.OneOf[1].SomeOf[0].Solarize[1] is not a transform of albumentations",
        "Chain.OneOf[1].SomeOf[0].n must be one number; got (1, 2)",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_yaml_gives_the_same_chain(name, tmp_path):
    values, path = recorded(name), tmp_path / "pipeline.yml"
    path.write_text(yaml.safe_dump(values, default_flow_style=False), encoding="utf-8")
    assert converted(path) == converted(str(path)) == converted(values)


def test_moves_that_move_nothing_disappear():
    noop = {"__class_fullname__": "NoOp", "p": 0.5}
    empty = {"__class_fullname__": "Sequential", "p": 0.5, "transforms": []}
    assert from_albumentations(pipeline(noop, single("D4"), empty)).transforms == (D4(p=0.6),)
    assert from_albumentations(pipeline()).transforms == ()
    one_of = single("OneOf") | {"transforms": [empty, single("D4")]}
    (choice,) = from_albumentations(pipeline(one_of)).transforms
    assert choice.transforms == (Affine(p=0.5), D4(p=0.6))


def test_a_transform_by_itself_is_a_pipeline():
    values = {"__version__": "2.0.8", "transform": single("Rotate")}
    assert from_albumentations(values).transforms == (Rotate(limit=(-35, 45), p=0.35),)


def test_fill_is_a_share_of_the_largest_pixel_value():
    rotate = single("Rotate") | {"fill": [0.25, 0.25, 0.25], "fill_mask": 0.0}
    chain = from_albumentations(pipeline(rotate), max_pixel_value=1.0)
    assert (chain.sampling.border_value, chain.sampling.fill) == (0.25, 0)
    normalize = single("Normalize") | {"mean": 0.5, "std": 0.25, "max_pixel_value": 65535}
    chain = from_albumentations(pipeline(normalize), max_pixel_value=65535)
    assert chain.transforms == (Normalize(mean=(0.5,), std=(0.25,)),)
    with pytest.raises(InputError, match=r"^max_pixel_value must be a number in .*; got 0"):
        from_albumentations(pipeline(rotate), max_pixel_value=0)


@pytest.mark.parametrize(
    ("number", "border"),
    [(0, "constant"), (1, "nearest"), (2, "reflect"), (3, "wrap"), (4, "reflect_101")],
)
def test_each_border_has_the_number_that_opencv_gives_it(number, border):
    chain = from_albumentations(pipeline(single("Rotate") | {"border_mode": number}))
    assert chain.sampling.border == border
    assert chain.sampling.fill == (7 if border == "constant" else IGNORE)


def test_a_crop_that_never_pads_does_not_have_to_agree_on_the_border():
    rotate = single("Rotate") | {"border_mode": 4}
    crop = single("CenterCrop")
    chain = from_albumentations(pipeline(rotate, crop | {"pad_if_needed": False}))
    assert chain.sampling.border == "reflect_101"
    with pytest.raises(InputError, match="border_mode must be the same"):
        from_albumentations(pipeline(rotate, crop))


def test_everything_that_cannot_be_carried_over_is_named_at_once():
    with pytest.raises(InputError) as error:
        from_albumentations(recorded("foreign"))
    assert str(error.value).split("\n- ")[1:] == FOREIGN


def altered(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return 0.97 * value if 0 < value < 1 else value + 1
    if isinstance(value, list):
        return [altered(item) for item in value]
    if isinstance(value, dict):
        return {key: altered(item) for key, item in value.items()} or {"weights": "mask"}
    return "another"


def test_no_parameter_is_dropped_in_silence():
    tried = 0
    for entry in entries_of(recorded("every")["transform"]):
        name, before = entry["__class_fullname__"], converted(pipeline(entry))
        for key in entry.keys() - {"transforms"} - WITHOUT_EFFECT:
            if f"{name}.{key}" in WITHOUT_EFFECT:
                continue
            tried += 1
            try:
                after = converted(pipeline(entry | {key: altered(entry[key])}))
            except InputError:
                continue
            assert after != before, f"{name}.{key}"
    assert tried > 180


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_a_missing_or_unknown_parameter_is_refused(name):
    entry = single(name)
    for key in entry.keys() - {"__class_fullname__"}:
        if key in WRITTEN.get(name, ()):
            continue
        shorter = {other: value for other, value in entry.items() if other != key}
        with pytest.raises(InputError, match=rf"Compose\.{name}\[0\]"):
            from_albumentations(pipeline(shorter))
    with pytest.raises(InputError, match=rf"Compose\.{name}\[0\]\.new is unknown; got 3"):
        from_albumentations(pipeline(entry | {"new": 3}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"__version__": "1.4.0", "transform": {}}, r"of albumentations 2\.0.*got version 1\.4\.0"),
        ({"__version__": "2.5.1", "transform": {}}, r"got version 2\.5\.1, which has other"),
        ({}, r"^A pipeline must be A\.Compose\(\.\.\.\), .*; got \{\}"),
        ([HorizontalFlip()], r"^A pipeline must be A\.Compose\(\.\.\.\), .*; got \[Horiz"),
        (None, r"^A pipeline must be A\.Compose\(\.\.\.\), .*; got None"),
        ("{", r"^A pipeline must be JSON, or a file of JSON or YAML: Expecting"),
        ("nowhere.json", r"^A pipeline must be JSON, or a file of JSON or YAML: .*nowhere\.json"),
        ({"transform": {"name": "D4"}}, r"^Each transform .*'__class_fullname__'.*'name': 'D4'"),
        (pipeline(3), r"^Each transform .*; got 3"),  # type: ignore[arg-type]
        (
            pipeline({"__class_fullname__": "Sequential"}),
            r"Sequential\[0\] must have p, transforms",
        ),
        (pipeline(single("OneOf") | {"transforms": None}), r"OneOf\[0\]\.transforms must be a"),
    ],
)
def test_what_is_no_pipeline_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        from_albumentations(source)
