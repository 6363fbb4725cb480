"""Pictures: their colours, outlines, brightness and errors, on maps small enough to write down."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.drawing.overlays import GAP, color_ids, overlay, panel, plot_instances, tinted

WHITE, BLACK, GREY = [255] * 3, [0] * 3, [64] * 3


def color(instance: int) -> list[int]:
    return color_ids(np.array([[instance]]))[0, 0].tolist()


def test_background_is_black_and_ignored_pixels_are_grey():
    picture = color_ids(np.array([[0, -1], [3, 3]], np.int32))
    assert (picture.dtype, picture.shape) == (np.uint8, (2, 2, 3))
    assert picture[0].tolist() == [BLACK, GREY]
    assert picture[1].tolist() == [color(3)] * 2


def test_a_color_depends_on_the_id_only():
    one = np.array([[7, 0, 900], [70_000, 2**31 - 1, 7]])
    other = one[::-1, ::-1]
    assert np.array_equal(color_ids(one), color_ids(other)[::-1, ::-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_every_integer_type_has_the_same_colors(dtype):
    ids = np.arange(256).reshape(16, 16)
    assert np.array_equal(color_ids(ids.astype(dtype)), color_ids(ids))


def test_nearby_ids_have_colors_that_are_far_apart_from_each_other_and_from_black_and_grey():
    ids = np.arange(1, 3000)  # passes the end of the palette three times
    colors = color_ids(ids[None])[0].astype(int)
    for step in range(1, 13):
        distances = np.linalg.norm(colors[step:] - colors[:-step], axis=1)
        assert distances.min() > 50, step
    for special in (BLACK, GREY, WHITE):
        assert np.linalg.norm(colors - special, axis=1).min() > 80


SQUARE = np.zeros((7, 7), np.int32)
SQUARE[1:6, 1:6] = 4
RING = SQUARE > 0
RING[2:5, 2:5] = False


def test_the_outline_is_one_pixel_wide_inside_the_instance():
    picture = overlay(np.zeros((7, 7, 1), np.uint8), SQUARE, color=(1, 2, 3))
    assert picture[RING].tolist() == [[1, 2, 3]] * 16
    assert picture[~RING].max() == 0


def test_an_outline_has_the_color_of_its_id_by_default():
    picture = overlay(np.zeros((7, 7, 1), np.uint8), SQUARE)
    assert picture[RING].tolist() == [color(4)] * 16


def test_touching_instances_have_an_outline_each():
    label = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0)
    picture = overlay(np.zeros((4, 6, 3), np.uint8), label)
    assert picture[2].tolist() == [BLACK, BLACK, color(1), color(2), BLACK, BLACK]


def test_ignored_pixels_have_no_outline():
    picture = overlay(np.zeros((1, 4, 1), np.uint8), np.array([[-1, -1, 0, 0]]))
    assert picture.max() == 0


def test_drawing_leaves_its_arguments_alone():
    image, label = np.full((7, 7, 3), 9, np.uint8), SQUARE.copy()
    overlay(image, label)
    panel(image, label, label)
    assert image.tolist() == np.full((7, 7, 3), 9).tolist()
    assert np.array_equal(label, SQUARE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 1), (3, 2, 3), (3, 2, 4)])
def test_any_type_and_number_of_channels_becomes_rgb(dtype, shape):
    image = np.zeros(shape, dtype)
    image[1:, :] = 1
    picture = overlay(image, np.zeros((3, 2), np.int32))
    assert (picture.dtype, picture.shape) == (np.uint8, (3, 2, 3))
    assert np.unique(picture[0]).tolist() == [0]
    assert np.unique(picture[1:]).tolist() == [255]


@pytest.mark.parametrize(("scale", "dtype"), [(60, np.uint16), (0.001, np.float32)])
def test_brightness_runs_from_percentile_1_to_percentile_99_8(scale, dtype):
    ramp = (np.arange(1001) * scale).astype(dtype).reshape(1, 1001, 1)
    row = overlay(ramp, np.zeros((1, 1001), np.int32))[0, :, 0].astype(int)
    # of 0, 1, ..., 1000 the 1st percentile is 10 and the 99.8th 998; between, 255 / 988 a step
    assert row[[0, 10, 998, 1000]].tolist() == [0, 0, 255, 255]
    assert row[504] == 128 or row[504] == 127  # half-way
    assert (np.diff(row) >= 0).all()


def test_channels_share_their_limits_so_that_colors_stay():
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = (100, 50, 0)
    picture = overlay(image, np.zeros((1, 2), np.int32))
    red, green, blue = picture[0, 1].tolist()
    assert (red, blue) == (255, 0)
    assert abs(green - red / 2) < 2


def test_alpha_is_dropped():
    image = np.random.default_rng(0).integers(0, 255, (5, 6, 4), np.uint8)
    label = np.zeros((5, 6), np.int32)
    assert np.array_equal(overlay(image, label), overlay(image[..., :3], label))


def test_an_image_of_one_value_is_black_and_a_single_bright_pixel_is_seen():
    image = np.full((40, 40, 1), 77, np.uint16)
    label = np.zeros((40, 40), np.int32)
    assert overlay(image, label).max() == 0
    image[3, 4] = 900
    picture = overlay(image, label)
    assert picture[3, 4].tolist() == WHITE
    assert picture.astype(int).sum() == 3 * 255


def test_a_panel_is_image_truth_and_prediction_with_white_gaps():
    image = np.zeros((2, 3, 1), np.uint8)
    label = np.array([[1, 1, 0], [0, 0, 2]])
    picture = panel(image, label, label)
    assert (picture.dtype, picture.shape) == (np.uint8, (2, 3 * 3 + 2 * GAP, 3))
    image_part, gap, truth, other_gap, prediction = np.split(
        picture, np.cumsum([3, GAP, 3, GAP]), axis=1
    )
    assert image_part.max() == 0
    assert gap.min() == other_gap.min() == 255
    assert np.array_equal(truth, color_ids(label))
    assert np.array_equal(prediction, truth)


def parts(truth: list[int], prediction: list[int]) -> tuple[list, list]:
    """Returns the pixels of the two id pictures of a panel one pixel high."""
    width = len(truth)
    image = np.zeros((1, width), np.uint8)
    row = panel(image, np.array([truth], np.int32), np.array([prediction], np.uint16))[0].tolist()
    return row[width + GAP : 2 * width + GAP], row[2 * (width + GAP) :]


def test_a_match_has_the_color_of_its_truth_and_errors_are_white():
    truth, prediction = parts([1, 1, 0, 2, 2, 2, 0, 3, 3], [9, 9, 0, 5, 0, 0, 8, 1, 1])
    # 9 is 1 and 1 is 3; 2 and 5 share one pixel of three: missed and false; 8 is false
    assert truth == [color(1)] * 2 + [BLACK] + [WHITE] * 3 + [BLACK] + [color(3)] * 2
    assert prediction == [
        *[color(1)] * 2,
        *[BLACK, WHITE, BLACK, BLACK, WHITE],
        *[color(3)] * 2,
    ]


def test_ignored_pixels_are_no_errors_in_a_panel():
    truth, prediction = parts([-1, -1, 0, 4], [6, 6, 0, 7])
    assert truth == prediction == [GREY, GREY, BLACK, color(4)]


def test_a_panel_without_instances_is_black():
    truth, prediction = parts([0, 0], [0, 0])
    assert truth == prediction == [BLACK] * 2


def test_sizes_that_differ_and_strange_channels_are_refused():
    image = np.zeros((4, 5, 3), np.uint8)
    label = np.zeros((4, 5), np.int32)
    with pytest.raises(InputError, match=r"one size .*\(4, 5\) and \(5, 4\)"):
        overlay(image, label.T)
    with pytest.raises(InputError, match=r"one size .*\(4, 5\) and \(5, 4\)"):
        panel(image, label.T, label.T)
    with pytest.raises(InputError, match="the same size"):
        panel(image, label, label.T)
    with pytest.raises(InputError, match=r"must be \[H, W, C\]; got \[4, 5, 0\]"):
        overlay(image[..., :0], label)


def test_the_figure_has_the_image_and_its_instances_with_their_number():
    label = np.array([[0, 5, 5, 0], [0, -1, 9, 0], [0, 0, 9, 0]])
    plot = plot_instances(np.zeros((3, 4)), label)
    assert [axes.get_title() for axes in plot.axes] == ["image", "instances: 2"]
    first, second = (axes.images[0].get_array() for axes in plot.axes)
    assert not first.any()
    assert np.array_equal(second, tinted(np.zeros((3, 4)), label))
    plot = plot_instances(np.zeros((3, 4)), label, label * 0)
    assert [axes.get_title() for axes in plot.axes] == ["image", "truth: 2", "prediction: 0"]


def test_tinted_instances_keep_the_image_and_outlines_have_the_full_color():
    label = np.zeros((7, 7), int)
    label[1:6, 1:6] = 3
    image = np.zeros((7, 7), np.uint8)
    image[3, 3] = 255
    picture = tinted(image, label)
    full, tint = picture[1, 1].astype(int), picture[2, 2].astype(int)
    assert np.abs(tint - 0.35 * full).max() <= 1
    assert np.abs(picture[3, 3] - (0.65 * 255 + 0.35 * full)).max() <= 1
    assert not picture[0].any()


def test_a_label_of_another_size_is_refused_in_a_figure():
    with pytest.raises(InputError, match="one size"):
        plot_instances(np.zeros((3, 4)), np.zeros((4, 3), int))
