"""Records: what goes in comes out, in the graph and outside it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.checks import InputError
from tfseg.data.dataset.decoded_records import Decoding, decode_record
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.dataset.records import encode, instance_areas


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int] | None]:
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    dtype, channels = draw(st.sampled_from(["uint8", "uint16"])), draw(st.sampled_from([1, 3]))
    highest = draw(st.sampled_from([1, 255, 65535, 65536, 2**31 - 1]))
    image = draw(arrays.arrays(dtype, (height, width, channels)))
    ids = st.integers(draw(st.sampled_from([0, -1])), highest)
    label = draw(arrays.arrays(np.int32, (height, width), elements=ids))
    count = len(set(label[label > 0].tolist()))
    classes = st.none() | st.lists(st.integers(1, 999), min_size=count, max_size=count)
    return image, label, draw(classes)


@given(samples())
def test_any_sample_is_encoded_and_decoded_unchanged(sample):
    image, label, classes = sample
    serialized = encode("cell é", image, label, classes)
    expected = [1] * len(set(label[label > 0].tolist())) if classes is None else classes
    decoded = decode_record(
        tf.constant(serialized), Decoding(image.shape[-1], image.dtype.name, ("png",))
    )
    assert decoded["id"].numpy().decode() == "cell é"
    assert decoded["image"].dtype == image.dtype
    assert decoded["label"].dtype == tf.int32
    np.testing.assert_array_equal(decoded["image"], image)
    np.testing.assert_array_equal(decoded["label"], label)
    assert decoded["class_of"].dtype == tf.int32
    assert decoded["class_of"].numpy().tolist() == expected

    record = parse(serialized)
    np.testing.assert_array_equal(record.image, image)
    np.testing.assert_array_equal(record.label, label)
    assert (record.height, record.width) == label.shape
    assert record.num_instances == len(expected)
    assert record.class_of.tolist() == expected
    assert encode("cell é", image, label, classes) == serialized


def test_grey_becomes_rgb_and_8_bits_become_16_when_the_data_set_has_them():
    image = np.array([[[0], [1], [255]]], np.uint8)
    serialized = tf.constant(encode("a", image, np.zeros((1, 3), np.int32)))
    decoded = decode_record(serialized, Decoding(3, "uint16", ("png",)))["image"]
    assert decoded.numpy().tolist() == [[[0] * 3, [257] * 3, [65535] * 3]]


def test_decoding_works_in_a_graph_with_known_rank_and_channels():
    records = [encode("a", np.zeros((2, 3, 1), np.uint8), np.full((2, 3), 2**31 - 1, np.int32))]
    data = tf.data.Dataset.from_tensor_slices(records).map(
        lambda record: decode_record(record, Decoding(1, "uint8", ("png",)))
    )
    assert data.element_spec["image"].shape.as_list() == [None, None, 1]
    assert data.element_spec["label"].shape.as_list() == [None, None]
    assert next(data.as_numpy_iterator())["label"].min() == 2**31 - 1


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (1, 1)])
def test_views_one_pixel_wide_are_encoded(shape):
    values = np.arange(25, dtype=np.uint8)[::5]
    image = np.broadcast_to(values[:1], shape) if shape == (1, 1) else values.reshape(shape)
    for view in (image[..., None], np.arange(5, dtype=np.uint8)[:, None, None]):
        record = parse(encode("a", view, np.ones(view.shape[:2], np.int32)))
        np.testing.assert_array_equal(record.image, view)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 4), np.int32),
        np.zeros((2, 3, 1), np.float64),
    ],
)
def test_an_image_of_another_form_is_refused(image):
    with pytest.raises(InputError, match="The image of 'a' must be"):
        encode("a", image, np.zeros((2, 3), np.int32))


@pytest.mark.parametrize(
    "label",
    [np.zeros((3, 2), np.int32), np.zeros((2, 3), np.int64), np.full((2, 3), -2, np.int32)],
)
def test_a_label_of_another_form_is_refused(label):
    with pytest.raises(InputError, match="The label of 'a' must be"):
        encode("a", np.zeros((2, 3, 1), np.uint8), label)


@pytest.mark.parametrize("classes", [[], [1], [1, 2, 3], [0, 1]])
def test_a_class_from_1_on_is_needed_for_each_instance(classes):
    label = np.array([[0, -1, 5, 9]], np.int32)
    with pytest.raises(
        InputError, match="class_of of 'a' must be a class from 1 on for each of its"
    ):
        encode("a", np.zeros((1, 4, 1), np.uint8), label, classes)


def test_records_of_one_class_are_as_they_were_before_there_were_classes():
    image, label = np.zeros((1, 4, 1), np.uint8), np.array([[0, 1, 5, 9]], np.int32)
    serialized = encode("a", image, label, [1, 1, 1])
    assert serialized == encode("a", image, label)
    assert "class_of" not in tf.train.Example.FromString(serialized).features.feature


def test_a_record_can_have_a_group_and_the_checksum_of_its_file():
    image, label = np.zeros((1, 4, 1), np.uint8), np.array([[0, 1, 5, 9]], np.int32)
    serialized = encode("a", image, label)
    known = encode("a", image, label, group="patient é", source_sha256="ab")
    features = tf.train.Example.FromString(known).features.feature
    assert features["source_sha256"].bytes_list.value[0] == b"ab"
    assert (parse(known).group, parse(serialized).group) == ("patient é", "")
    assert parse(known).id == "a"
    assert encode("a", image, label, group="patient é", source_sha256="ab") == known


@pytest.mark.parametrize("serialized", [b"", b"garbage", tf.train.Example().SerializeToString()])
def test_what_is_no_record_is_refused(serialized):
    with pytest.raises(InputError, match="cannot be decoded"):
        parse(serialized)


@pytest.mark.parametrize("largest", [3, 2**31 - 1])
def test_ids_and_their_areas_are_those_counted_by_hand(largest):
    label = np.array([[-1, 0, largest], [2, 2, largest], [2, 0, -1]], np.int32)
    ids, areas = instance_areas(label)
    assert (ids.tolist(), areas.tolist()) == ([2, largest], [3, 2])
    nothing = instance_areas(np.full((2, 2), -1, np.int32))
    assert [array.tolist() for array in nothing] == [[], []]
