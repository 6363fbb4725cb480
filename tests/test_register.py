"""tfseg.register: the kind comes from the base class, faults are named, runs say their plugins."""

from __future__ import annotations

import dataclasses
import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import augment, config, heads, losses, metrics
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig, registry
from tfseg.data.conversion.formats.format import Format
from tfseg.inference.metadata import describe
from tfseg.metrics import evaluate_pairs

pytestmark = pytest.mark.usefixtures("registrations")
data = dataclasses.dataclass(frozen=True, kw_only=True)


@data
class Blobs(heads.Semantic):
    growth: int = 1
    ratio: float = 0.5


@data
class Invert(augment.Pixel):
    p: float = 0.5

    def change(self, image, params):
        return 1.0 - image


class Hinge(losses.PixelLoss):
    def masked_loss(self, truth, logits, counted):
        return losses.base.mean(tf.nn.relu(1.0 - (2.0 * truth - 1.0) * logits), counted)


class Ratio(metrics.Metric):
    formula = "predicted / true instances"
    counts = ()

    def count(self, truth, prediction, table):
        return {}

    def compute(self, counts):
        return counts["num_predicted"] / counts["num_truth"]


def Plain(model):
    images = keras.Input((None, None, model.channels))
    features = keras.layers.Conv2D(5, 3, padding="same", activation="relu")(images)
    return keras.Model(images, features)


def test_the_base_class_says_where_a_name_is_used():
    for thing in (Blobs, Invert, Hinge, Ratio):
        assert tfseg.register(thing) is thing
    assert tfseg.register(kind="network")(Plain) is Plain
    assert tfseg.make_head("Blobs", ratio=0.25).ratio == 0.25
    assert augment.from_spec([{"name": "Invert", "p": 1.0}]) == [Invert(p=1.0)]
    assert augment.to_spec([Invert(p=1.0)]) == [{"name": "Invert", "p": 1.0}]
    truth = tf.constant([[[[1.0], [0.0], [-1.0], [1.0]]]])
    logits = tf.constant([[[[0.25], [1.0], [9.0], [3.0]]]])
    # (0.75 + 2 + 0) / 3: the third pixel is ignored
    assert float(losses.parse("2 * Hinge")(truth, logits)) == pytest.approx(2 * 2.75 / 3)
    model = tfseg.build_model(ModelConfig(architecture="plain", channels=1, head="semantic"))
    assert model(np.zeros((1, 40, 50, 1), np.float32))["foreground"].shape == (1, 40, 50, 1)


def test_options_of_a_registered_head_are_checked_like_all_others():
    tfseg.register(Blobs)
    model = ModelConfig(head="blobs", head_options={"growth": 3, "min_area": 5})
    assert (model.head, heads.head_of(model).growth) == ("Blobs", 3)
    for options, message in (
        ({"grwth": 3}, "A name in model.head_options, with model.head Blobs.* mean 'growth'"),
        ({"growth": 0.5}, "model.head_options.growth must be a whole number"),
        ({"ratio": "x"}, "model.head_options.ratio must be a number"),
        ({"min_area": -1}, "min_area must be a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            ModelConfig(head="Blobs", head_options=options)


@pytest.mark.parametrize(
    ("base", "members", "message"),
    [
        (heads.Head, {"outputs": {"a": 1}}, r"The head New must define decode, loss_weights, loss"),
        (heads.Semantic, {}, "The head New must be a frozen dataclass. Put @dataclasses"),
        (augment.Pixel, {}, "The transform New must define change. Add them."),
        (losses.PixelLoss, {}, "The loss New must define masked_loss"),
        (metrics.Metric, {}, "The metric New must define compute, count"),
        (Format, {}, "The format New must define find, matches, read"),
        (Ratio, {"formula": None}, "The metric New must define formula"),
        (Ratio, {"counts": "area"}, r"must define counts, .* such as \('area',\); got 'area'"),
        (Hinge, {"__init__": lambda self, margin: None}, "loss New must be callable with no arg"),
        (
            Format,
            dict.fromkeys(("find", "matches", "read"), print),
            "The format New must define LAYOUT",
        ),
        (object, {}, r"register takes a class that inherits augment.Transform, .*; got <class"),
    ],
)
def test_what_is_missing_is_said_when_it_is_registered(base, members, message):
    with pytest.raises(InputError, match=message):
        tfseg.register(types.new_class("New", (base,), exec_body=lambda body: body.update(members)))
    assert registry.plugins_of((kind, "New") for kind in ("head", "loss", "metric")) == {}


@pytest.mark.parametrize(
    ("base", "fields", "message"),
    [
        (heads.Head, [], "The head New must define outputs, .*; got None"),
        (heads.Semantic, [("a", list, dataclasses.field(default_factory=list))], "option a of the"),
        (augment.Pixel, [], "The transform New must have the parameter p"),
        (augment.Transform, [], "The transform New must inherit augment.Pixel, augment.AffineM"),
        (Invert, [("name", str, "x")], "New must not have a parameter called name"),
    ],
)
def test_fields_of_a_dataclass_are_checked(base, fields, message):
    abstract = dict.fromkeys(getattr(base, "__abstractmethods__", ()), print)
    new = dataclasses.make_dataclass(
        "New", fields, bases=(base,), namespace=abstract, frozen=True, kw_only=True
    )
    with pytest.raises(InputError, match=message):
        tfseg.register(new)


def renamed(thing: type, name: str) -> type:
    """Returns a subclass of another name, as if it came from another module."""
    subclass = types.new_class(name, (thing,))
    subclass.__module__ = "elsewhere"
    return data(subclass) if dataclasses.is_dataclass(thing) else subclass


def test_names_that_are_taken_are_refused_in_any_case_and_a_definition_is_replaced():
    with pytest.raises(InputError, match="Boundary must be a new name; tfseg has the head boundar"):
        tfseg.register(renamed(Blobs, "Boundary"))
    with pytest.raises(InputError, match="PQ must be a new name; tfseg has the metric pq"):
        tfseg.register(renamed(Ratio, "PQ"))
    with pytest.raises(InputError, match="Yolo must be a new name; tfseg has the format yolo"):
        tfseg.register(
            types.new_class(
                "Yolo",
                (Format,),
                exec_body=lambda body: body.update(
                    dict.fromkeys(("find", "matches", "read"), print), LAYOUT="x"
                ),
            )
        )
    tfseg.register(Blobs)
    tfseg.register(Blobs)
    with pytest.raises(InputError, match="BLOBS must be a new name; .* registered the head Blobs"):
        tfseg.register(renamed(Blobs, "BLOBS"))


def test_a_wrong_kind_is_refused():
    with pytest.raises(InputError, match="kind must be loss for Hinge, .*; got 'network'"):
        tfseg.register(Hinge, kind="network")
    for thing, kind in ((Plain, ""), (Plain, "head"), (3, ""), (Invert(), "transform")):
        with pytest.raises(InputError, match="register takes a class .*; got .*and kind="):
            tfseg.register(thing, kind=kind)
    with pytest.raises(InputError, match="must have a name; got '<lambda>'"):
        tfseg.register(lambda model: model, kind="network")
    with pytest.raises(InputError, match="network f must be callable with only a ModelConfig; mis"):
        exec("def f(a, b): pass", names := {})
        tfseg.register(names["f"], kind="network")


def test_a_run_says_which_plugins_it_needs_and_is_refused_without_them(tmp_path):
    for thing in (Blobs, Invert, Hinge):
        tfseg.register(thing)
    run = RunConfig(
        model=ModelConfig(head="blobs", loss="bce + 0.5*Hinge", channels=1),
        augment=({"name": "OneOf", "transforms": ({"name": "Invert"}, {"name": "ToGray"})},),
    )
    plain = config.to_dict(run)
    assert plain["plugins"] == {__name__: ["head Blobs", "loss Hinge", "transform Invert"]}
    assert json.loads(json.dumps(plain)) == plain
    config.write(run, tmp_path / "config.yaml")
    assert config.read(tmp_path / "config.yaml") == run
    assert describe(run.model)["plugins"] == {__name__: ["head Blobs", "loss Hinge"]}
    assert "plugins" not in config.to_dict(RunConfig())

    del registry._REGISTERED["head", "Blobs"], heads.HEADS["Blobs"], config.HEADS["Blobs"]
    with pytest.raises(InputError) as refused:
        config.read(tmp_path / "config.yaml")
    for text in (
        "config.yaml cannot be read as a configuration: line",
        f"The head Blobs must be registered, as it was by {__name__}.",
        f"Give --plugins {__name__} to the command, or import {__name__} in Python.",
    ):
        assert text in str(refused.value)


def test_what_a_notebook_registered_cannot_be_given_by_an_option():
    assert registry.missing({"__main__": ["head Mine", "loss Hers"]}) == (
        "The head Mine, loss Hers must be registered, as it was by __main__. "
        "Run its definition in this session again."
    )


def test_a_metric_is_computed_from_sums_and_left_out_where_it_is_unknown(tmp_path):
    tfseg.register(Ratio)
    ids = np.eye(4, dtype=np.int32)
    three = np.diag([1, 2, 3, 0]).astype(np.int32)
    nothing = np.zeros((4, 4), np.int32)
    pairs = [("a", ids, three), ("b", ids, nothing), ("c", nothing, nothing), ("d", nothing, ids)]
    evaluation = evaluate_pairs(pairs)
    assert evaluation.summary()["Ratio"] == 4 / 2
    np.testing.assert_equal(evaluation.to_pandas()["Ratio"].to_numpy(), [3.0, 0.0, 1.0, np.nan])
    assert "Ratio   2.0000  predicted / true instances" in evaluation.as_table()
    assert "predicted / true instances" in evaluation._repr_html_()
    evaluation.write(tmp_path)
    metrics.registered.METRICS.clear()
    del registry._REGISTERED["metric", "Ratio"]
    with pytest.warns(UserWarning, match="A metric of .* is left out. The metric Ratio must be"):
        assert "Ratio" not in metrics.Evaluation.read(tmp_path).summary()


def test_wrong_results_of_a_metric_are_named():
    class Wrong(Ratio):
        counts = ("area",)
        counted = {"size": 1}

        def count(self, truth, prediction, table):
            return self.counted

        def compute(self, counts):
            return np.zeros(7)

    tfseg.register(Wrong)
    pair = [("a", np.eye(4, dtype=np.int32), np.eye(4, dtype=np.int32))]
    with pytest.raises(InputError, match="Wrong.count must return .* called area; got {'size': 1}"):
        evaluate_pairs(pair)
    Wrong.counted = {"area": np.nan}
    with pytest.raises(InputError, match="Wrong.count must return finite numbers"):
        evaluate_pairs(pair)
    Wrong.counted = {"area": 1}
    with pytest.raises(InputError, match=r"Wrong.compute must return .* shape \(\), .* got \(7,\)"):
        evaluate_pairs(pair).metrics()
