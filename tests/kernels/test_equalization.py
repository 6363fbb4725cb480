"""Equalization in tiles: OpenCV's on 8 bits, tables worked out by hand, and finer steps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg.kernels import equalization


def equalized(image: np.ndarray, clip_limit: float, tiles: tuple[int, int]) -> np.ndarray:
    values = tf.constant(image[..., None], tf.float32)
    return equalization.equalized(values, tf.constant(clip_limit), tiles=tiles).numpy()[..., 0]


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (40, 48), (40, 47), (41, 48), (7, 90)])
@pytest.mark.parametrize(
    ("clip_limit", "tiles"), [(1.0, (8, 8)), (2.3, (3, 5)), (40.0, (1, 4)), (4.0, (1, 1))]
)
def test_8_bits_become_those_of_opencv(size, clip_limit, tiles):
    cv2 = pytest.importorskip("cv2", reason="comes with albumentations")
    image = np.random.default_rng(0).integers(0, 256, size)
    image = (image**2 // 255).astype(np.uint8)  # more dark than bright ones
    expected = cv2.createCLAHE(clip_limit, tiles[::-1]).apply(image)
    # OpenCV rounds the tables and the result, each by up to half a step.
    assert np.abs(equalized(image / 255, clip_limit, tiles) * 255 - expected).max() <= 1 + 1e-4


def test_what_is_above_the_limit_is_spread_over_all_values():
    # One tile of 512 pixels: 500 of value 0 and 12 of value 255. The limit of 3 allows 6 a value,
    # so 494 + 6 are spread: 1 for each of the 256, and 244 more for the first 244 of them.
    image = np.zeros((16, 32))
    image[0, :12] = 1.0
    result = equalized(image, 3.0, (1, 1))
    assert result[1, 0] == pytest.approx((6 + 1 + 1) / 512)
    assert result[0, 0] == pytest.approx(1.0)
    # Without a limit a value becomes the share of pixels up to it.
    assert equalized(image, 1000.0, (1, 1))[1, 0] == pytest.approx(500 / 512)


def test_values_between_two_of_8_bits_stay_apart():
    # Three quarters at 0 and 10, a quarter in between, which 8 bits do not know.
    image = np.repeat([[0.0, 10.25, 10.5, 11.0]], 4, axis=0) / 255
    result = equalized(image, 1000.0, (1, 1))[0]
    # Two of four pixels are nearest to 10 (half to even), and one to 11.
    np.testing.assert_allclose(result, [0.25, 0.75 + 0.25 / 4, 0.75 + 0.25 / 2, 1.0], atol=1e-4)


def test_between_the_middles_of_tiles_tables_are_mixed():
    # Black left of the middle, and white to the right: 0 is the share 1 there and 0 here.
    image = np.zeros((4, 8))
    image[:, 4:] = 1.0
    result = equalized(image, 1000.0, (1, 2))
    # Pixel 3 lies at 3 / 4 - 1 / 2 = 0.25 of the way from the first tile to the second.
    np.testing.assert_allclose(result[0, :4], [1.0, 1.0, 1.0, 0.75], atol=1e-6)
    np.testing.assert_allclose(result[0, 4:], 1.0, atol=1e-6)
