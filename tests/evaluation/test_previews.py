"""The grid of a policy: which pictures are in it, and that they show values as they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tfseg import InputError, RunConfig, random
from tfseg.augment import CenterCrop, Chain, HorizontalFlip, Rotate
from tfseg.config import DataConfig
from tfseg.drawing.overlays import GAP, overlay
from tfseg.evaluation.previews import (
    draw_outlines,
    draw_samples,
    parameter_text,
    plot_augmentations,
    preview,
    stack_rows,
)

SIDE, LINE = 32, 16  # of the crop; of a caption, pixels


def sample():
    """An image of 48 x 40 pixels with a bright square, and its ids."""
    label = np.zeros((48, 40), np.int32)
    label[20:30, 12:24] = 7
    return np.where(label > 0, 200, 50).astype(np.uint8)[..., None], label


def grid(*augment, count=3, seed=0):
    config = RunConfig(seed=seed, data=DataConfig(crop_size=SIDE), augment=augment)
    return preview(*sample(), config, count=count)


def cell(picture, row, column):
    """Returns one picture of a grid."""
    top, left = row * (LINE + SIDE + GAP) + LINE, column * (SIDE + GAP)
    return picture[top : top + SIDE, left : left + SIDE]


def test_the_rows_are_the_image_all_together_and_each_transform_alone():
    picture = grid({"name": "HorizontalFlip", "p": 0.0}, {"name": "VerticalFlip", "p": 0.0})
    assert picture.dtype == np.uint8
    assert picture.shape[0] == 4 * (LINE + SIDE + GAP)
    still = cell(picture, 0, 0)
    assert len(np.unique(still.reshape(-1, 3), axis=0)) == 3  # background, inside, outline
    for column in range(3):
        np.testing.assert_array_equal(cell(picture, 1, column), still)  # p = 0 in the policy
        np.testing.assert_array_equal(cell(picture, 2, column), still[:, ::-1])  # alone it acts
        np.testing.assert_array_equal(cell(picture, 3, column), still[::-1])


def test_a_column_shows_what_a_transform_draws_in_the_policy_too():
    move = {"name": "ShiftScaleRotate", "p": 1.0}
    picture = grid(move, {"name": "HorizontalFlip", "p": 0.0})
    for column in range(3):
        np.testing.assert_array_equal(cell(picture, 1, column), cell(picture, 2, column))
    assert (cell(picture, 2, 0) != cell(picture, 2, 1)).any()


def test_the_same_seed_gives_the_same_picture_and_another_one_another():
    noise = {"name": "GaussNoise", "p": 1.0}
    first = grid(noise)
    np.testing.assert_array_equal(grid(noise), first)
    assert (cell(grid(noise, seed=1), 2, 0) != cell(first, 2, 0)).mean() > 0.5


def test_the_parts_of_a_choice_have_rows_of_their_own():
    parts = [{"name": "HorizontalFlip"}, {"name": "VerticalFlip"}]
    picture = grid({"name": "OneOf", "p": 1.0, "transforms": parts}, count=2)
    assert picture.shape[0] == 4 * (LINE + SIDE + GAP)
    still = cell(picture, 0, 0)
    flipped = [still[:, ::-1].tolist(), still[::-1].tolist()]
    assert cell(picture, 1, 0).tolist() in flipped
    assert [cell(picture, row, 0).tolist() for row in (2, 3)] == flipped


def test_without_transforms_there_is_the_image_and_nothing_changes_it():
    picture = grid(count=1)
    np.testing.assert_array_equal(cell(picture, 0, 0), cell(picture, 1, 0))


def test_what_lies_beyond_the_image_is_shown_as_training_sees_it():
    config = RunConfig(
        data=DataConfig(crop_size=64),
        augment=({"name": "Sampling", "border": "constant", "border_value": 0.2, "fill": 0},),
    )
    picture = preview(*sample(), config, count=1)
    # The image of 48 x 40 pixels lies in the middle; 0.2 x 255 = 51, and nothing is ignored.
    for top in (LINE, 2 * LINE + 64 + GAP):
        assert (picture[top : top + 64, :12] == 51).all()


def test_values_are_shown_as_they_are_and_ignored_pixels_at_half():
    image = np.full((4, 4, 1), 0.2, np.float32)
    label = np.zeros((4, 4), np.int32)
    label[:, 2:] = -1
    picture = draw_outlines({"image": image, "label": label})
    assert (picture[:, :2] == 51).all()  # 0.2 * 255, though it is the image's only value
    assert (picture[:, 2:] == 25).all()


def test_values_beyond_the_range_are_shown_between_their_own_limits():
    image = np.array([[[-2.0], [0.0], [2.0]]], np.float32)
    picture = draw_outlines({"image": image, "label": np.zeros((1, 3), np.int32)})
    assert picture[0, :, 0].tolist() == [0, 128, 255]


def test_limits_keep_the_brightness_that_percentiles_take_away():
    bright, dark = (np.full((3, 3), value) + np.eye(3) * 0.1 for value in (0.6, 0.2))
    label = np.zeros((3, 3), np.int32)
    np.testing.assert_array_equal(overlay(bright, label), overlay(dark, label))
    limited = [overlay(image, label, limits=(0.0, 1.0)) for image in (bright, dark)]
    assert limited[0].min() == 153
    assert limited[1].min() == 51


def test_draws_are_those_of_the_chain_itself():
    image, label = sample()
    chain, root = Chain([Rotate(p=1.0), CenterCrop(height=20, width=20)]), random.root(3)
    example = {"image": image / np.float32(255), "label": label}
    pictures = draw_samples(chain, example, seed=root, count=2)
    for index, picture in enumerate(pictures):
        moved = chain(example, random.fold_in(root, index))
        np.testing.assert_array_equal(picture, draw_outlines(moved))


def test_rows_of_other_sizes_keep_their_places_and_captions_fit():
    small, large = np.zeros((10, 10, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)
    picture = stack_rows([("a", [small, large]), ("a rather long caption", [small])])
    assert picture.shape[0] == 20 + 10 + 2 * (LINE + GAP)
    assert picture.shape[1] > 100  # the caption's
    assert (picture[LINE : LINE + 10, :10] == 0).all()
    assert (picture[LINE : LINE + 20, 10 : 10 + GAP] == 255).all()
    assert (picture[LINE : LINE + 20, 10 + GAP : 40 + GAP] == 0).all()


@pytest.mark.parametrize(
    ("transform", "text"),
    [(Rotate(), ""), (Rotate(limit=(0.0, 5.0), p=1.0), "limit=[0.0, 5.0]"), (HorizontalFlip(), "")],
)
def test_a_caption_names_what_is_not_the_default(transform, text):
    assert parameter_text(transform) == text


@pytest.mark.parametrize("count", [0, 101, 1.5])
def test_a_number_of_draws_out_of_range_is_refused(count):
    with pytest.raises(InputError, match=r"count must be a whole number in \[1, 100\]"):
        grid(count=count)


def test_a_transform_that_cannot_take_the_image_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"^ToGray needs images of 3 channels.*other images\.$"):
        grid({"name": "ToGray"})


def test_the_figure_is_the_picture_pixel_by_pixel():
    config = RunConfig(data=DataConfig(crop_size=SIDE), augment=({"name": "HorizontalFlip"},))
    plot = plot_augmentations(*sample(), config, count=2)
    file = io.BytesIO()
    plot.savefig(file, format="png")
    drawn = np.asarray(Image.open(file).convert("RGB"))
    assert np.array_equal(drawn, preview(*sample(), config, count=2))


def test_pixels_that_are_not_finite_are_refused():
    image, label = np.zeros((40, 40, 1)), np.eye(40, dtype=np.int32)
    image[3, 3] = np.nan
    with pytest.raises(InputError, match="The image must have finite pixels; 1 of the 1600 read"):
        preview(image, label, RunConfig())
