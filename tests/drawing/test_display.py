"""Which channels of an image a picture shows, and in which colours."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.drawing.display import PLAIN, Display

SATELLITE = ("blue", "green", "red", "nir")
RANDOM = np.random.default_rng(0).integers(0, 255, (4, 5, 6), np.uint8)


def test_channels_that_are_no_colours_are_a_composite():
    image = np.zeros((4, 5, 2), np.uint16)
    image[0, :, 0], image[1, :, 1], image[2] = 3000, 40, (3000, 40)
    picture = PLAIN(image)  # each channel by its percentiles, in green and magenta
    assert picture[:, 0].tolist() == [[0, 255, 0], [255, 0, 255], [255, 255, 255], [0, 0, 0]]
    limited = PLAIN(image, (0, 6000))
    assert limited[0, 0].tolist() == [0, 128, 0]  # 3000 / 6000 of 255, rounded
    hues = [PLAIN(np.eye(5)[None] * 7)[0, index] for index in range(5)]
    assert len(np.unique(hues, axis=0)) == 5
    assert np.min(np.max(hues, axis=1)) == 255


def test_red_green_and_blue_are_shown_wherever_they_are():
    image = RANDOM[..., :4]
    colours = image[..., [2, 1, 0]]
    np.testing.assert_array_equal(Display(SATELLITE)(image), PLAIN(colours))
    np.testing.assert_array_equal(PLAIN(image), PLAIN(image[..., :3]))  # the last may be alpha
    fluorescence = Display(("dapi", "gfp", "rfp", "cy5"))(image)
    assert not np.array_equal(fluorescence, PLAIN(image))


def test_three_named_channels_that_are_no_colours_have_separate_limits():
    image = np.array([[[0, 0, 0], [200, 20, 2]]], np.uint8)
    picture = Display(("dapi", "gfp", "rfp"))(image)
    assert picture[0].tolist() == [[0, 0, 0], [255, 255, 255]]
    red, green, blue = PLAIN(image)[0, 1].tolist()
    assert (red, green, blue) == (255, pytest.approx(25.5, abs=1), pytest.approx(2.5, abs=1))


def test_three_chosen_channels_become_red_green_and_blue():
    image = RANDOM[..., :4]
    picture = Display(SATELLITE, ("nir", "red", "green"))(image)
    for index, channel in enumerate((3, 2, 1)):  # as the channel alone, in grey
        alone = PLAIN(image[..., channel : channel + 1])
        np.testing.assert_array_equal(picture[..., index], alone[..., 0])
    one = Display(SATELLITE, ("nir",))(image)
    np.testing.assert_array_equal(one, PLAIN(image[..., 3:]))
    two = Display(SATELLITE, ("nir", "blue"))(image)
    np.testing.assert_array_equal(two, PLAIN(image[..., [3, 0]]))
    colours = Display(SATELLITE, ("red", "green", "blue"))(image)
    np.testing.assert_array_equal(colours, Display(SATELLITE)(image))
    grey = Display(SATELLITE, ("nir", "red", "green"))(image[..., :1])  # of a mixture
    np.testing.assert_array_equal(grey, PLAIN(image[..., :1]))


def test_a_channel_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="--display must .* blue, green, red, nir; got nri.*'nir'"):
        Display(SATELLITE, ("nri", "red", "green")).check("--display")
    with pytest.raises(InputError, match="images, red, green, blue; got nir"):
        Display((), ("nir",)).check("--display")
