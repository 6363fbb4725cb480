"""What a person writes who comes from albumentations, and the one sentence where it differs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tfseg import augment, random
from tfseg.augment import (
    Affine,
    CenterCrop,
    Compose,
    ElasticTransform,
    GaussNoise,
    HorizontalFlip,
    Normalize,
    OneOf,
    Perspective,
    RandomBrightnessContrast,
    RandomCrop,
    RandomGamma,
    Resize,
    Rotate,
    Sampling,
    ShiftScaleRotate,
    SomeOf,
    ToGray,
    VerticalFlip,
    from_spec,
)
from tfseg.checks import InputError

ONCE = r"must be left out, because a chain reads image and ids only once"


def test_a_short_form_is_kept_as_the_range_that_it_stands_for():
    assert Rotate(45) == Rotate(limit=(-45, 45))
    assert RandomGamma(120) == RandomGamma(gamma_limit=(1, 120))
    assert SomeOf([HorizontalFlip()], 1).n == (1, 1)
    assert Normalize(mean=0.5).mean == (0.5,)
    assert Affine(1.5).scale == (1.5, 1.5)
    assert Affine({"y": (0.5, 2.0)}).scale == ((0.5, 2.0), (1.0, 1.0))
    assert Affine(scale={"x": 2.0, "y": 2.0}) == Affine(scale=2.0)


def test_what_says_what_tfseg_does_is_accepted():
    assert Perspective(keep_size=True, fit_output=False) == Perspective()
    assert RandomBrightnessContrast(0.1, ensure_safe_range=False) == RandomBrightnessContrast(0.1)
    assert Normalize(max_pixel_value=255.0, normalization="standard") == Normalize()
    assert Resize(8, 9, mask_interpolation=0) == Resize(8, 9)
    assert Rotate(rotate_method="ellipse") == Rotate()  # of boxes
    assert from_spec([{"name": "ToGray", "num_output_channels": 3}]) == [ToGray()]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Rotate(border_mode=0), rf"Rotate\.border_mode {ONCE}; got 0\. .*'constant'\)"),
        (lambda: Resize(8, 8, interpolation=2), r"interpolation .*\(interpolation='bicubic'\)"),
        (lambda: Resize(8, 8, interpolation=4), r"interpolation .*\(interpolation=\.\.\.\)"),
        (lambda: CenterCrop(8, 8, fill=255), r"fill .* got 255\. .*\(border_value=\.\.\.\)"),
        (lambda: Affine(fill_mask=1), r"Affine\.fill_mask .* got 1\. .*\(fill=\.\.\.\)"),
        (lambda: Rotate(mask_interpolation=1), r"must be 0; got 1\. Ids are those of the nearest"),
        (lambda: Perspective(keep_size=False), r"must be True; got False\. Shapes are static"),
        (lambda: Affine(translate_px=3), r"must be None; got 3\. Give translate_percent"),
        (lambda: Normalize(max_pixel_value=1.0), r"must be 255; got 1\.0\. Images are in \[0, 1\]"),
        (lambda: SomeOf([Rotate()], replace=True), r"SomeOf\.replace must be False; got True"),
        (lambda: Rotate(45, 1), r"at most 1 values without a name \(limit\); got 2\. Name"),
        (lambda: ToGray(3), r"ToGray must have at most 0 values without a name; got 1\."),
        (lambda: Rotate(angle=3), r"A parameter of Rotate must be one of limit, p; got 'angle'"),
        (
            lambda: GaussNoise(var_limit=3),
            r"A parameter of GaussNoise must be one of .*'var_limit'",
        ),
        (lambda: RandomCrop(128), r"^RandomCrop needs width; got height\."),
        (lambda: RandomCrop(), r"^RandomCrop needs height, width; got nothing\."),
        (lambda: OneOf(), r"^OneOf needs transforms; got nothing\."),
    ],
)
def test_what_differs_is_said_in_one_sentence_from_python_and_yaml(call, message):
    with pytest.raises(InputError, match=message):
        call()


class WithoutP(augment.AffineMove):
    def matrix(self, params: dict, *, size: tuple[int, int]) -> tf.Tensor:
        return tf.eye(3)


def test_a_transform_of_yours_without_p_is_refused():
    with pytest.raises(InputError, match=r"^WithoutP must be a frozen dataclass with the field p"):
        augment.Chain([HorizontalFlip(), WithoutP()])


def test_a_configuration_has_the_same_sentences():
    entry = {"name": "ShiftScaleRotate", "border_mode": 0, "rotate_limit": 45}
    with pytest.raises(InputError, match=rf"ShiftScaleRotate\.border_mode {ONCE}"):
        from_spec([entry])
    del entry["border_mode"]
    assert from_spec([entry]) == [ShiftScaleRotate(rotate_limit=45)]


def test_transforms_are_copied_and_pickled():
    for one in (Rotate(45), OneOf([HorizontalFlip(), GaussNoise()], 0.5), ElasticTransform()):
        assert copy.deepcopy(one) == one == pickle.loads(pickle.dumps(one))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SafeRotate", r"the nearest is Rotate: the picture keeps its scale"),
        ("NoOp", r"leave it out"),
        ("RandomRain", r"drawn weather .* left out"),
        ("BboxParams", r"boxes follow from the ids"),
        ("Rotat", r"the nearest is Rotate\."),
        ("Qqqqqqq", r"transform\.$"),
    ],
)
def test_a_missing_name_is_answered_with_the_nearest_or_the_reason(name, message):
    with pytest.raises(AttributeError, match=rf"^tfseg\.augment\.{name}: no such.*{message}"):
        getattr(augment, name)
    assert not hasattr(augment, name)


def test_a_configuration_has_the_reasons_of_missing_names_too():
    message = r"^augment\.name must be a transform .*'Defocus': the nearest is GaussianBlur: its"
    with pytest.raises(InputError, match=message):
        from_spec([{"name": "Defocus"}])


def example() -> dict[str, np.ndarray]:
    label = np.arange(64, dtype=np.int32).reshape(8, 8)
    return {"image": (label / 64).astype(np.float32)[..., None], "label": label}


def test_compose_is_a_chain():
    chain = Compose([HorizontalFlip(p=1.0)], bbox_params=None, p=1.0, strict=True)
    assert isinstance(chain, augment.Chain)
    result = chain(example(), random.root(0))
    np.testing.assert_array_equal(result["label"], example()["label"][:, ::-1])
    assert Compose([], sampling=Sampling(fill=0)).sampling == Sampling(fill=0)


def test_compose_with_p_acts_with_all_its_transforms_or_none():
    (all_of_them,) = Compose([HorizontalFlip(), VerticalFlip(0.1)], p=0.25).transforms
    assert all_of_them == SomeOf([HorizontalFlip(), VerticalFlip(0.1)], 2, p=0.25)


def test_additional_masks_of_compose_move_with_the_ids():
    chain = Compose([HorizontalFlip(p=1.0)], additional_targets={"tissue": "mask"})
    moved = chain(example() | {"tissue": example()["label"] * 2}, random.root(0))
    np.testing.assert_array_equal(moved["tissue"], example()["label"][:, ::-1] * 2)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"bbox_params": {"format": "coco"}}, r"^Compose\.bbox_params must be None; .* Boxes foll"),
        ({"keypoint_params": {}}, r"^Compose\.keypoint_params must be None"),
        ({"seed": 137}, r"^Compose\.seed must be None; got 137\. Every call has its seed"),
        (
            {"bbox_param": None},
            r"^A parameter of Compose must be one of .*Did you mean 'bbox_params'",
        ),
        ({"additional_targets": {"b": "image"}}, r"additional_targets\['b'\] must be one of mask"),
        (
            {"additional_targets": {"b": "mask"}, "sampling": Sampling()},
            r"^Compose must have either additional_targets or sampling",
        ),
    ],
)
def test_what_compose_does_not_take_is_said(named, message):
    with pytest.raises(InputError, match=message):
        Compose([HorizontalFlip()], **named)


def test_a_call_as_in_albumentations_is_answered_with_the_call_of_a_chain():
    chain = Compose([HorizontalFlip()])
    with pytest.raises(
        InputError, match=r"must be called with an example .*got image=\.\.\., mask"
    ):
        chain(image=example()["image"], mask=example()["label"])
    with pytest.raises(InputError, match="got no seed"):
        chain(example())
