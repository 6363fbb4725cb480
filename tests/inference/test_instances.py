"""The table of predicted instances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import regionprops_table

from tfseg.checks import InputError
from tfseg.inference.instances import Instances

COLUMNS = [
    *("id", "area", "centroid_y", "centroid_x"),
    *("box_top", "box_left", "box_bottom", "box_right", "score", "class_id"),
]


def test_the_table_of_a_hand_worked_example():
    label = np.array([[0, 2, 2, 2], [0, 0, 2, 0], [1, 0, 0, 0]], np.int32)
    table = Instances(
        label, np.array([0.25, 0.9], np.float32), np.array([3, 1], np.int32)
    ).to_pandas()
    assert table.columns.tolist() == COLUMNS
    one, two = table.drop(columns=["score", "class_id"]).to_numpy().tolist()
    assert one == [1, 1, 2, 0, 2, 0, 3, 1]
    # four pixels: y = (0 + 0 + 0 + 1) / 4, x = (1 + 2 + 3 + 2) / 4
    assert two == [2, 4, 0.25, 2, 0, 1, 2, 4]
    assert table.score.tolist() == [0.25, 0.9]
    assert table.dtypes.astype(str).tolist() == [
        *("int64", "int64", "float64", "float64"),
        *["int64"] * 4,
        "float64",
        "int32",
    ]
    assert table.class_id.tolist() == [3, 1]


def test_an_instance_of_a_tall_image_has_its_position_in_the_image():
    label = np.zeros((2500, 3), np.int32)
    label[1000:2101, 1] = 1  # longer than the rows that are processed at once
    label[2499, 2] = 2
    table = Instances(label, np.ones(2, np.float32), np.ones(2, np.int32)).to_pandas()
    one, two = table.drop(columns=["score", "class_id"]).to_numpy().tolist()
    assert one == [1, 1101, 1550, 1, 1000, 1, 2101, 2]  # y = (1000 + 2100) / 2
    assert two == [2, 1, 2499, 2, 2499, 2, 2500, 3]


@given(arrays(np.int32, (5, 6), elements=st.integers(0, 6)))
def test_the_table_agrees_with_scikit_image(label):
    table = Instances(label, np.arange(1, 7, dtype=np.float32) / 10, np.ones(6)).to_pandas()
    expected = regionprops_table(label, properties=("label", "area", "centroid", "bbox"))
    assert table.shape == (len(np.unique(label[label > 0])), 10)
    np.testing.assert_allclose(
        table.drop(columns=["score", "class_id"]).to_numpy(),
        np.stack(list(expected.values()), axis=1),
        atol=0.005,  # the centroids have two decimals
    )
    np.testing.assert_allclose(table.score, table.id / 10)


def test_centroids_have_two_decimals_and_scores_six():
    label = np.array([[1, 1, 0], [1, 0, 0]], np.int32)
    table = Instances(label, np.array([2 / 3], np.float32), np.array([1])).to_pandas()
    # three pixels: y = x = 1 / 3
    assert table.to_csv(index=False).splitlines()[1] == "1,3,0.33,0.33,0,0,2,2,0.666667,1"


def test_an_image_without_instances_has_the_columns_and_no_rows():
    table = Instances(
        np.zeros((3, 4), np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32)
    ).to_pandas()
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 0


def test_an_id_without_a_pixel_has_no_row_and_leaves_the_other_scores_in_place():
    table = Instances(
        np.array([[3, 0, 1]], np.int32), np.array([0.1, 0.2, 0.3]), np.array([1, 2, 3])
    ).to_pandas()
    assert table.id.tolist() == [1, 3]
    assert table.score.tolist() == [0.1, 0.3]
    assert table.class_id.tolist() == [1, 3]


def test_an_id_without_a_score_is_refused():
    with pytest.raises(InputError, match="got the id 3 and 2 scores"):
        Instances(
            np.array([[3, 0, 1]], np.int32), np.array([0.1, 0.2]), np.array([1, 2])
        ).to_pandas()
