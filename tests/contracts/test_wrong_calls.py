"""A wrong call is one sentence: the name, what was given and the remedy, as an `InputError`."""

from __future__ import annotations

import types
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import augment, heads, losses, metrics, random
from tfseg.autograph import no_autograph
from tfseg.config import ModelConfig, RunConfig
from tfseg.kernels import drop_in
from tfseg.metrics import graph
from tfseg.training.keras_callbacks import KerasCallback

IMAGE, LABEL = np.zeros((16, 16, 1), np.float32), np.zeros((16, 16), np.int32)
EXAMPLE = {"image": IMAGE, "label": LABEL}
BATCH = {"image": IMAGE[None], "label": LABEL[None]}
FLIP = augment.HorizontalFlip()
MODEL = ModelConfig(filters=(8, 8), channels=1)
CONFIG = RunConfig(model=MODEL)
HEAD = heads.make_head("center_offset")
MAPS = {name: np.zeros((1, 16, 16, count)) for name, count in HEAD.outputs.items()}
FOLDER = tfseg.sample.path()


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> types.SimpleNamespace:
    """What the calls need: a data set, a network, a segmenter, a chain, a layer, a folder."""
    folder = tmp_path_factory.mktemp("wrong")
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    samples = [(image, np.eye(8, dtype=np.int32))]
    model = tfseg.build_model(MODEL)
    segmenter = tfseg.Segmenter(model, MODEL)
    return types.SimpleNamespace(
        folder=folder,
        dataset=tfseg.convert_samples({"train": samples, "val": samples}, folder / "data"),
        pairs=tf.data.Dataset.from_tensors((IMAGE, LABEL)),
        model=model,
        segmenter=segmenter,
        instances=segmenter.predict(np.eye(16)[..., None]),
        trainer=tfseg.Trainer(CONFIG, folder / "run"),
        chain=augment.Chain([FLIP]),
        layer=augment.Augmentation([FLIP], seed=0),
        evaluation=tfseg.evaluate_pairs([("first", LABEL, LABEL)]),
        seed=random.root(0),
    )


Call = Callable[[types.SimpleNamespace], object]
# What is called, and what the sentence must say: the name, what was received, the remedy.
CALLS: dict[str, tuple[Call, tuple[str, str, str]]] = {}


def wrong(title: str, call: Call, *words: str) -> None:
    """Adds a wrong call to the table."""
    assert title not in CALLS and len(words) == 3
    CALLS[title] = call, words


# Data sets
wrong("open None", lambda _: tfseg.Dataset.open(None), "path of Dataset.open", "None", "pathlib")
wrong(
    "open a data set",
    lambda given: tfseg.Dataset.open(given.dataset),
    *("path of Dataset.open", "got Dataset(", "Give its path"),
)
wrong(
    "Dataset of a path",
    lambda _: tfseg.Dataset("data"),
    *("Dataset must be called", "no value for 'info'", "tfseg.Dataset.open(folder)"),
)
wrong(
    "an unknown split",
    lambda given: given.dataset.samples("vall"),
    *("no split", "'vall'", "Did you mean 'val'"),
)
wrong("check a data set", lambda given: tfseg.check(given.dataset), "path", "Dataset(", "its path")
wrong("check nothing", lambda _: tfseg.check("nowhere"), "No data set", "nowhere", "tfseg convert")
wrong(
    "convert an array",
    lambda given: tfseg.convert(IMAGE, given.folder / "new"),
    *("source of convert", "ndarray [16, 16, 1] of float32", "pathlib.Path"),
)
wrong(
    "convert with a misspelt option",
    lambda given: tfseg.convert(FOLDER, given.folder / "new", class_names="cell"),
    *("An argument of convert", "'class_names'", "Did you mean 'class_name'"),
)
wrong(
    "convert with a dict for reading",
    lambda given: tfseg.convert(FOLDER, given.folder / "new", reading={"overlap": "first"}),
    *("reading of convert", "'overlap'", "tfseg.Reading("),
)
wrong(
    "convert with a text for a flag",
    lambda given: tfseg.convert(FOLDER, given.folder / "new", overwrite="no"),
    *("overwrite of convert", "'no'", "True or False"),
)
wrong(
    "convert with a list as class",
    lambda given: tfseg.convert(FOLDER, given.folder / "new", class_name=["cell"]),
    *("class_name", "['cell']", "nucleus"),
)
wrong(
    "convert with a list of groups",
    lambda given: tfseg.convert(FOLDER, given.folder / "new", groups=["first"]),
    *("groups", "['first']", "Give a function"),
)
wrong(
    "samples from a folder",
    lambda given: tfseg.convert_samples(FOLDER, given.folder / "new"),
    *("samples", "Path(", "tfseg.convert takes a folder"),
)
wrong(
    "samples from None",
    lambda given: tfseg.convert_samples(None, given.folder / "new"),
    *("samples", "None", "tfseg.convert"),
)
wrong(
    "class names in a text",
    lambda given: tfseg.convert_samples([(IMAGE, LABEL)], given.folder / "new", class_names="cell"),
    *("class_names of convert_samples", "'cell'", "list"),
)
# The pipeline
wrong(
    "augmented batches",
    lambda given: tfseg.augmented(given.pairs.batch(2), [FLIP], seed=0),
    *("single images", "(None, 16, 16, 1)", "Augment before batching"),
)
wrong(
    "augmented arrays",
    lambda _: tfseg.augmented((IMAGE, LABEL), [FLIP], seed=0),
    *("dataset of augmented", "(array(", "tf.data.Dataset.from"),
)
wrong(
    "augmented data set of tfseg",
    lambda given: tfseg.augmented(given.dataset, [FLIP], seed=0),
    *("dataset of augmented", "Dataset(path", "tf.data.Dataset.from"),
)
wrong(
    "augmented without seed",
    lambda given: tfseg.augmented(given.pairs, [FLIP]),
    *("augmented must be called", "no value for 'seed'", "seed=..."),
)
wrong(
    "augmented by one transform",
    lambda given: tfseg.augmented(given.pairs, FLIP, seed=0),
    *("transforms of augmented", "HorizontalFlip(p=0.5)", "list"),
)
wrong(
    "augmented by names",
    lambda given: tfseg.augmented(given.pairs, ["HorizontalFlip"], seed=0),
    *("must hold transforms", "'HorizontalFlip'", "HorizontalFlip()"),
)
wrong(
    "augmented by a class",
    lambda given: tfseg.augmented(given.pairs, [augment.HorizontalFlip], seed=0),
    *("must hold transforms", "<class", "tfseg.augment"),
)
wrong(
    "augmented with a text for sampling",
    lambda given: tfseg.augmented(given.pairs, [FLIP], seed=0, sampling="bilinear"),
    *("sampling of augmented", "'bilinear'", "tfseg.augment.Sampling("),
)
wrong(
    "augmented triples",
    lambda given: tfseg.augmented(given.pairs.map(lambda *pair: (*pair, 1)), [FLIP], seed=0),
    *("(image, label)", "TensorShape([16, 16])", "Map them"),
)
wrong(
    "augmented labels with a channel",
    lambda given: tfseg.augmented(
        given.pairs.map(lambda image, label: (image, label[..., None])), [FLIP], seed=0
    ),
    *("[H, W, C] and [H, W]", "(16, 16, 1)", "channel axis"),
)
wrong(
    "augmented images of unknown size",
    lambda given: tfseg.augmented(given.pairs.map(no_autograph(unknown_size)), [FLIP], seed=0),
    *("must be static", "(None, None, 1)", "RandomCrop"),
)
wrong(
    "batches of a path",
    lambda _: tfseg.training_batches("data", CONFIG),
    *("dataset of training_batches", "'data'", "tfseg.Dataset.open"),
)
wrong(
    "batches of a dict",
    lambda given: tfseg.training_batches(given.dataset, {"seed": 1}),
    *("config of training_batches", "{'seed': 1}", "tfseg.RunConfig("),
)
wrong(
    "batches of the model's configuration",
    lambda given: tfseg.training_batches(given.dataset, MODEL),
    *("config of training_batches", "ModelConfig(", "tfseg.RunConfig("),
)
wrong(
    "batches for the name of a head",
    lambda given: tfseg.training_batches(given.dataset, CONFIG, "center_offset"),
    *("head of training_batches", "'center_offset'", "tfseg.make_head(name)"),
)
wrong(
    "batches for the class of a head",
    lambda given: tfseg.training_batches(given.dataset, CONFIG, heads.CenterOffset),
    *("head of training_batches", "<class", "tfseg.make_head(name)"),
)
wrong(
    "batches from before the first step",
    lambda given: tfseg.training_batches(given.dataset, CONFIG, first_step=-1),
    *("first_step", "-1", "whole number in [0,"),
)
wrong(
    "validation batches of a path",
    lambda _: tfseg.validation_batches("data", CONFIG),
    *("dataset of validation_batches", "'data'", "tfseg.Dataset.open"),
)
wrong(
    "replay of a path",
    lambda _: tfseg.replay("data", CONFIG, "000000", 0),
    *("dataset of replay", "'data'", "tfseg.Dataset.open"),
)
# Chain, layer and transforms
wrong("a seed of 0.5", lambda given: given.chain(EXAMPLE, 0.5), "seed", "0.5", "tfseg.random.root")
wrong("a seed of text", lambda given: given.chain(EXAMPLE, "0"), "seed", "'0'", "Give 0")
wrong("a seed below 0", lambda given: given.chain(EXAMPLE, -1), "seed", "-1", "[0, 2147483647]")
wrong("no seed", lambda given: given.chain(EXAMPLE), "Chain.__call__", "'seed'", "(example, seed)")
wrong(
    "seeds of a batch for an image",
    lambda given: given.chain(EXAMPLE, np.zeros((2, 2), np.int32)),
    *("seed", "[2, 2] of int32", "tfseg.random.root(0)"),
)
wrong(
    "seeds of another batch",
    lambda given: given.chain(BATCH, np.zeros((3, 2), np.int32)),
    *("[1, 2] for each image", "[3, 2] of int32", "Give 0"),
)
wrong(
    "a pair in a chain",
    lambda given: given.chain((IMAGE, LABEL), 0),
    *("'image', 'label'", "tuple", '{"image": image, "label": label}'),
)
wrong(
    "an image in a chain",
    lambda given: given.chain(IMAGE, 0),
    *("'image', 'label'", "ndarray", '{"image": image, "label": label}'),
)
wrong(
    "floats beyond 1 in a chain",
    lambda given: given.chain(EXAMPLE | {"image": IMAGE + 255}, 0),
    *("in [0, 1]", "255.0", "divide by their largest value"),
)
wrong(
    "apply without draws",
    lambda given: given.chain.apply(EXAMPLE, {}),
    *("params", "nothing", "Call the chain itself"),
)
wrong("a chain of None", lambda _: augment.Chain(None), "transforms of Chain", "None", "a list")
wrong(
    "a chain with a dict for sampling",
    lambda _: augment.Chain([], sampling={"border": "wrap"}),
    *("sampling of Chain", "'border'", "tfseg.augment.Sampling("),
)
wrong(
    "a pair in the layer",
    lambda given: given.layer((IMAGE[None], LABEL[None]), training=True),
    *("'image', 'label'", "tuple", '{"image": image, "label": label}'),
)
wrong(
    "one image in the layer",
    lambda given: given.layer(EXAMPLE, training=True),
    *("a batch of images", "(16, 16, 1)", "image[None]"),
)
wrong(
    "floats beyond 1 in the layer",
    lambda given: given.layer(BATCH | {"image": IMAGE[None] + 255}),
    *("in [0, 1]", "255.0", "divide by their largest value"),
)
wrong(
    "a layer with seed 0.5",
    lambda _: augment.Augmentation([], seed=0.5),
    *("seed of Augmentation", "0.5", "whole number"),
)
wrong(
    "to_spec of names",
    lambda _: augment.to_spec(["HorizontalFlip"]),
    *("transforms", "'HorizontalFlip'", "HorizontalFlip()"),
)
wrong(
    "from_spec of a text",
    lambda _: augment.from_spec("light"),
    *("spec of from_spec", "'light'", "list"),
)
wrong(
    "copy-paste in one image",
    lambda given: augment.CopyPaste()(EXAMPLE, given.seed),
    *("CopyPaste", "(16, 16, 1)", "Batch the images"),
)
# Training
wrong(
    "fit a path",
    lambda given: given.trainer.fit("data"),
    *("dataset of Trainer.fit", "'data'", "tfseg.Dataset.open"),
)
wrong(
    "fit a dataset of tf.data",
    lambda given: given.trainer.fit(given.pairs),
    *("dataset of Trainer.fit", "_TensorDataset", "tfseg.Dataset.open"),
)
wrong(
    "fit with epochs",
    lambda given: given.trainer.fit(given.dataset, epochs=3),
    *("An argument of Trainer.fit", "'epochs'", "resume, on_log, callbacks"),
)
wrong(
    "fit with one callback",
    lambda given: given.trainer.fit(given.dataset, callbacks=keras.callbacks.Callback()),
    *("callbacks of Trainer.fit", "Callback object", "list"),
)
wrong(
    "fit with a function as callback",
    lambda given: given.trainer.fit(given.dataset, callbacks=[print]),
    *("callbacks", "print", "on_log"),
)
wrong(
    "fit with early stopping of Keras",
    lambda given: given.trainer.fit(given.dataset, callbacks=[keras.callbacks.EarlyStopping()]),
    *("A callback must only watch", "EarlyStopping", "train.patience"),
)
wrong(
    "fit with a text as on_log",
    lambda given: given.trainer.fit(given.dataset, on_log="log"),
    *("on_log of Trainer.fit", "'log'", "a function"),
)
wrong(
    "a trainer with exchanged arguments",
    lambda _: tfseg.Trainer("run", CONFIG),
    *("config of Trainer", "'run'", "tfseg.RunConfig("),
)
wrong(
    "a trainer without folder",
    lambda _: tfseg.Trainer(CONFIG, None),
    *("run_dir of Trainer", "None", "pathlib.Path"),
)
wrong(
    "an optimizer by its name",
    lambda _: tfseg.make_optimizer("adam"),
    *("config of make_optimizer", "'adam'", "tfseg.RunConfig("),
)
wrong(
    "an optimizer of the group alone",
    lambda _: tfseg.make_optimizer(tfseg.OptimizerConfig()),
    *("config of make_optimizer", "OptimizerConfig(", "tfseg.RunConfig("),
)
wrong("bench a path", lambda _: tfseg.bench("data", CONFIG), "dataset", "'data'", "Dataset.open")
wrong(
    "a wrapper around a function",
    lambda _: KerasCallback(print),
    *("KerasCallback", "print", "to fit as it is"),
)
# Configurations
wrong("a dict for a group", lambda _: RunConfig(train={"steps": 3}), "train", "3", "TrainConfig(")
wrong("a wrong group", lambda _: RunConfig(train=MODEL), "train", "ModelConfig(", "TrainConfig(")
wrong("an unknown name", lambda _: ModelConfig(backbon="x"), "ModelConfig", "'backbon'", "backbone")
wrong(
    "transforms in a configuration",
    lambda _: RunConfig(augment=[FLIP]),
    *("augment", "HorizontalFlip(p=0.5)", "tfseg.augment.to_spec"),
)
wrong("to_dict of a dict", lambda _: tfseg.config.to_dict({}), "config", "{}", "tfseg.RunConfig(")
wrong("read None", lambda _: tfseg.config.read(None), "path of read", "None", "pathlib.Path")
wrong(
    "write with exchanged arguments",
    lambda _: tfseg.config.write("config.yaml", CONFIG),
    *("config of write", "'config.yaml'", "tfseg.RunConfig("),
)
# Networks and heads
wrong("build a name", lambda _: tfseg.build_model("Unet"), "config", "'Unet'", "ModelConfig(")
wrong("build a run", lambda _: tfseg.build_model(CONFIG), "config", "RunConfig(", "ModelConfig(")
wrong(
    "build in an unknown precision",
    lambda _: tfseg.build_model(MODEL, precision="float16"),
    *("precision", "'float16'", "mixed_float16"),
)
wrong(
    "decode other outputs",
    lambda _: HEAD.decode({"foreground": MAPS["foreground"], "centre": MAPS["center"]}),
    *("CenterOffset", "centre (1, 16, 16, 1)", "tfseg.build_model"),
)
wrong(
    "decode one tensor",
    lambda _: HEAD.decode(np.zeros((1, 16, 16, 4))),
    *("CenterOffset", "[1, 16, 16, 4]", "tfseg.build_model"),
)
wrong(
    "decode too few channels",
    lambda _: HEAD.decode(MAPS | {"offset": MAPS["center"]}),
    *("offset [B, H, W, 2]", "offset (1, 16, 16, 1)", "tfseg.build_model"),
)
wrong(
    "split too few channels",
    lambda _: HEAD.split_outputs(tf.zeros((1, 16, 16, 3))),
    *("CenterOffset", "(1, 16, 16, 3)", "Concatenate foreground, center, offset"),
)
wrong(
    "targets of an image",
    lambda _: HEAD.targets(IMAGE[None]),
    *("labels of a head", "[1, 16, 16, 1] of float32", "label[None]"),
)
wrong("targets of one label", lambda _: HEAD.targets(LABEL), "labels", "[16, 16]", "label[None]")
wrong("the head of a run", lambda _: heads.head_of(CONFIG), "model", "RunConfig(", "ModelConfig(")
wrong("an unknown head", lambda _: heads.make_head("centre"), "head", "'centre'", "center_offset")
# Losses
wrong("a loss plus a name", lambda _: losses.Dice() + "bce", "losses", "'bce'", "losses.parse(")
wrong(
    "a loss plus one of Keras",
    lambda _: losses.Dice() + keras.losses.MeanSquaredError(),
    *("losses", "mean_squared_error", "in a function of (y_true, y_pred)"),
)
wrong("a text as weight", lambda _: losses.Dice() * "2", "weight of a loss", "'2'", "a number in")
wrong("a weight below 0", lambda _: losses.Dice() * -1.0, "weight", "-1.0", "in [0,")
wrong(
    "a loss of targets without channel",
    lambda _: losses.Dice().call(LABEL[None], IMAGE[None]),
    *("Target and prediction", "(1, 16, 16)", "values[..., None]"),
)
wrong(
    "a loss of two sizes",
    lambda _: losses.Dice()(tf.zeros((1, 8, 8, 1)), tf.zeros((1, 4, 4, 1))),
    *("of one size", "(1, 4, 4, 1)", "values[..., None]"),
)
wrong("class weights by name", lambda _: losses.ClassCE("all"), "class_weights", "'all'", "list")
wrong(
    "the name of a loss against the rest",
    lambda _: losses.OneVersusRest("dice"),
    *("loss of OneVersusRest", "'dice'", "losses.parse("),
)
wrong(
    "offsets without weights",
    lambda _: losses.OffsetL1()(tf.zeros((1, 4, 4, 2)), tf.zeros((1, 4, 4, 2))),
    *("OffsetL1", "(1, 4, 4, 2)", "CenterOffset.targets"),
)
# Inference
wrong("load a data set", lambda given: tfseg.load(given.dataset), "run_dir", "Dataset(", "its path")
wrong("load nothing", lambda _: tfseg.load("nowhere"), "nowhere", "no run", "made by train")
wrong(
    "load by an old name",
    lambda _: tfseg.load("run", checkpoint_name="last"),
    *("An argument of load", "'checkpoint_name'", "Did you mean 'checkpoint'"),
)
wrong(
    "a segmenter of a path",
    lambda _: tfseg.Segmenter("model.keras", MODEL),
    *("model of Segmenter", "'model.keras'", "tfseg.build_model"),
)
wrong(
    "a segmenter of a run's configuration",
    lambda given: tfseg.Segmenter(given.model, CONFIG),
    *("model_config of Segmenter", "RunConfig(", "the model of a RunConfig"),
)
wrong(
    "a segmenter with another head",
    lambda given: tfseg.Segmenter(given.model, ModelConfig(head="boundary", channels=1)),
    *("Boundary", "foreground (None, None, None, 1)", "tfseg.build_model"),
)
wrong(
    "a segmenter with other channels",
    lambda given: tfseg.Segmenter(given.model, ModelConfig(filters=(8, 8), channels=3)),
    *("model.channels 3", "images of 1", "tfseg.build_model"),
)
wrong(
    "a call with a file name",
    lambda given: given.segmenter("image.png"),
    *("images", "of string", "tfseg.predict_files"),
)
wrong(
    "a call with RGBA",
    lambda given: given.segmenter(np.zeros((1, 16, 16, 4))),
    *("[B, H, W, 1]", "[1, 16, 16, 4]", "Segmenter.predict"),
)
wrong(
    "a call without pixels",
    lambda given: given.segmenter(np.zeros((1, 0, 16, 1))),
    *("images", "[1, 0, 16, 1]", "Segmenter.predict"),
)
wrong(
    "predict a file name",
    lambda given: given.segmenter.predict("image.png"),
    *("image must be an array", "'image.png'", "tfseg.predict_files"),
)
wrong(
    "predict a batch",
    lambda given: given.segmenter.predict(IMAGE[None]),
    *("An image must be [H, W, C]", "[1, 16, 16, 1]", "with at least one channel"),
)
wrong(
    "predict files with a path",
    lambda given: tfseg.predict_files("run", [FOLDER], given.folder / "out"),
    *("segmenter of predict_files", "'run'", "tfseg.load(run_dir)"),
)
wrong(
    "predict arrays as files",
    lambda given: tfseg.predict_files(given.segmenter, [IMAGE], given.folder / "out"),
    *("paths", "[16, 16, 1] of float32", "Segmenter.predict takes an array"),
)
wrong(
    "one format as a text",
    lambda given: tfseg.predict_files(given.segmenter, [FOLDER], "out", formats="coco"),
    *("formats of predict_files", "'coco'", "list"),
)
wrong(
    "a dict as cleanup",
    lambda given: tfseg.predict_files(given.segmenter, [FOLDER], "out", cleanup={"min_area": 3}),
    *("cleanup of predict_files", "'min_area'", "tfseg.Cleanup("),
)
wrong(
    "a text as a step of cleanup",
    lambda _: tfseg.Cleanup(fill_holes="yes"),
    *("fill_holes of Cleanup", "'yes'", "True or False"),
)
wrong(
    "clean up an array",
    lambda _: tfseg.Cleanup().apply(LABEL),
    *("instances of Cleanup.apply", "[16, 16] of int32", "predict(image)"),
)
wrong("export a path", lambda _: tfseg.export("run", "new"), "segmenter", "'run'", "tfseg.load(")
wrong(
    "export a network",
    lambda given: tfseg.export(given.model, "new"),
    *("segmenter of export", "Functional", "tfseg.load("),
)
# Evaluation
wrong(
    "evaluate on a path",
    lambda given: tfseg.evaluate(given.segmenter, "data", "val"),
    *("dataset of evaluate", "'data'", "tfseg.Dataset.open"),
)
wrong(
    "evaluate a network",
    lambda given: tfseg.evaluate(given.model, given.dataset, "val"),
    *("segmenter of evaluate", "Functional", "tfseg.load(run_dir)"),
)
wrong(
    "evaluate without split",
    lambda given: tfseg.evaluate(given.segmenter, given.dataset),
    *("evaluate must be called", "no value for 'split'", "(segmenter, dataset, split"),
)
wrong(
    "evaluate with a dict",
    lambda given: tfseg.evaluate(given.segmenter, given.dataset, "val", conventions={"coco": True}),
    *("conventions of evaluate", "{'coco': True}", "tfseg.metrics.Conventions("),
)
wrong(
    "evaluate into a file name",
    lambda given: tfseg.evaluate(given.segmenter, given.dataset, "val", report="report.html"),
    *("report of evaluate", "'report.html'", "tfseg.Report()"),
)
wrong(
    "tune with a path",
    lambda _: tfseg.tune("run", "data"),
    *("dataset of tune", "'data'", "tfseg.Dataset.open"),
)
wrong(
    "pairs without ids",
    lambda _: tfseg.evaluate_pairs([(LABEL, LABEL)]),
    *("Pair 0", "(array(", "Add the name of the image"),
)
wrong(
    "pairs in a dict",
    lambda _: tfseg.evaluate_pairs({"first": (LABEL, LABEL)}),
    *("pairs of evaluate_pairs", "'first'", "list"),
)
wrong(
    "pairs with the result of predict",
    lambda given: tfseg.evaluate_pairs([("first", LABEL, given.instances)]),
    *("The prediction must be an id map", "tuple", "Give its labels"),
)
wrong(
    "pairs of two sizes",
    lambda _: tfseg.evaluate_pairs([("first", LABEL, LABEL[:8])]),
    *("Image 'first'", "(8, 16)", "Give the prediction of this image"),
)
wrong(
    "a number as thresholds",
    lambda _: metrics.Conventions(thresholds=0.5),
    *("thresholds", "0.5", "such as [0.5, 0.75]"),
)
wrong("compare paths", lambda _: metrics.compare("a", "b"), "first", "'a'", "tfseg.Evaluation.read")
wrong("match labels", lambda _: metrics.match(LABEL, 0.5), "table", "of int32", "metrics.overlaps(")
wrong(
    "match at 50 percent",
    lambda _: metrics.match(metrics.overlaps(LABEL, LABEL), 50),
    *("threshold", "50", "in [0, 1]"),
)
wrong(
    "intervals of an evaluation",
    lambda given: metrics.intervals(given.evaluation),
    *("images of intervals", "Evaluation(", "tfseg.Evaluation.images"),
)
wrong(
    "metrics of an evaluation",
    lambda given: metrics.compute_metrics(given.evaluation),
    *("counts", "Evaluation(", "Evaluation.metrics()"),
)
wrong("read no evaluation", lambda _: tfseg.Evaluation.read("x"), "x", "No such file", "tfseg ev")
wrong("a report of -1 images", lambda _: tfseg.Report(limit=-1), "limit of Report", "-1", "[1, ")
wrong("a number for AP", lambda _: graph.InstanceAP(0.5), "thresholds", "0.5", "[0.5, 0.75]")
wrong(
    "Keras metrics of logits",
    lambda _: graph.Dice().update_state(IMAGE[None], IMAGE[None]),
    *("y_true must be id maps", "float32", "Decode the outputs"),
)
wrong(
    "Keras metrics of two sizes",
    lambda _: graph.Dice().update_state(LABEL[None], LABEL[None, :8]),
    *("y_true and y_pred", "(1, 8, 16)", "of the size of their labels"),
)
# Pictures
wrong(
    "plot files",
    lambda _: tfseg.plot_instances("image.png", LABEL),
    *("An image to draw", "'image.png'", "Read the file"),
)
wrong(
    "plot the result of predict",
    lambda given: tfseg.plot_instances(IMAGE, given.instances),
    *("Ids to draw", "Instances(", "Give `labels`"),
)
wrong(
    "plot ids of floats",
    lambda _: tfseg.plot_instances(IMAGE, LABEL.astype(float)),
    *("Ids to draw", "of float64", "Give `labels`"),
)
wrong(
    "plot curves of a summary",
    lambda _: tfseg.plot_curves(None),
    *("history of plot_curves", "None", "pathlib.Path"),
)
wrong(
    "plot transforms",
    lambda _: tfseg.plot_augmentations(IMAGE, LABEL, [FLIP]),
    *("config of plot_augmentations", "[HorizontalFlip(", "tfseg.RunConfig("),
)
wrong(
    "plot augmentations of two sizes",
    lambda _: tfseg.plot_augmentations(IMAGE, LABEL[:8], CONFIG),
    *("image and label", "[8, 16]", "Read the files"),
)
# The functions of tensorflow-addons
wrong(
    "turn a text",
    lambda _: drop_in.rotate(IMAGE, "90"),
    *("angles", "of string", "radians"),
)
wrong("turn a file", lambda _: drop_in.rotate("a.png", 0.5), "images", "of string", "Read the file")
wrong(
    "move by three numbers",
    lambda _: drop_in.translate(IMAGE, [1, 2, 3]),
    *("translations", "[3] of int32", "(dx, dy) in pixels"),
)
wrong(
    "warp by one channel",
    lambda _: drop_in.dense_image_warp(IMAGE[None], IMAGE[None]),
    *("image and flow", "(1, 16, 16, 1)", "image[None]"),
)
wrong(
    "blur with a text",
    lambda _: drop_in.gaussian_filter2d(IMAGE, filter_shape="3"),
    *("filter_shape", "'3'", "Give pixels"),
)
# Random numbers
wrong("a root of text", lambda _: random.root("0"), "seed", "'0'", "a whole number in")
wrong("a root beyond 32 bits", lambda _: random.root(2**40), "seed", "1099511627776", "2147483647]")
wrong("a draw from 0", lambda _: random.uniform(0, 0.0, 1.0), "A seed", "got 0", "random.root(0)")
wrong("a child of 0", lambda _: random.fold_in(0, 1), "A seed", "got 0", "tfseg.random.root(0)")
wrong(
    "a child by a number",
    lambda given: random.for_name(given.seed, 3),
    *("name", "got 3", "fold_in takes a number"),
)
wrong(
    "an empty range",
    lambda given: random.integer(given.seed, 5, 2),
    *("low must be below high", "5 and 2", "Exchange them"),
)


def unknown_size(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pair with a size that TensorFlow does not know before it runs."""
    size = tf.random.uniform([], 16, 17, tf.int32, seed=0)
    return image[:size, :size], label[:size, :size]


@pytest.mark.parametrize("title", CALLS)
def test_a_wrong_call_is_one_sentence_with_name_received_and_remedy(title, given):
    call, words = CALLS[title]
    with pytest.raises(tfseg.InputError) as caught:
        call(given)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_the_message_of_floats_beyond_1_is_that_of_tensorflow_in_a_pipeline(given):
    bright = given.pairs.map(lambda image, label: (image + 255.0, label))
    with pytest.raises(tf.errors.InvalidArgumentError, match="divide by their largest value"):
        next(iter(tfseg.augmented(bright, [FLIP], seed=0)))


def test_nan_in_a_call_is_a_sentence(given):
    with pytest.raises(tfseg.InputError, match=r"finite pixels; got NaN .*nan_to_num\."):
        given.segmenter(np.full((1, 8, 8, 1), np.nan, np.float32))


def test_an_image_without_batch_has_the_instances_of_a_batch_of_one(given):
    image = np.random.default_rng(0).random((16, 16, 1), np.float32)
    alone, batch = given.segmenter(image), given.segmenter(image[None])
    assert alone["labels"].shape == (16, 16)
    for name, values in alone.items():
        np.testing.assert_array_equal(values, batch[name][0])


def test_a_whole_number_is_the_seed_of_its_root(given):
    image = np.random.default_rng(0).random((16, 16, 1), np.float32)
    example = {"image": image, "label": LABEL}
    for number in range(4):
        made = given.chain(example, number)["image"]
        np.testing.assert_array_equal(made, given.chain(example, random.root(number))["image"])


def test_one_seed_of_a_batch_gives_every_image_the_draws_of_its_child(given):
    image = np.random.default_rng(0).random((16, 16, 1), np.float32)
    batch = {"image": np.stack([image] * 4), "label": np.stack([LABEL] * 4)}
    made = given.chain(batch, 3)["image"].numpy()
    for index in range(4):
        seed = random.fold_in(random.root(3), index)
        alone = given.chain({"image": image, "label": LABEL}, seed)["image"]
        np.testing.assert_array_equal(made[index], alone)
    assert len(np.unique(made, axis=0)) == 2  # some are flipped


def test_a_random_crop_in_front_makes_an_unknown_size_known(given):
    image = np.random.default_rng(0).random((16, 16, 1), np.float32)
    pairs = tf.data.Dataset.from_tensors((image, np.arange(256, dtype=np.int32).reshape(16, 16)))
    transforms = [augment.RandomCrop(height=8, width=4), FLIP]
    known, unknown = (
        tfseg.augmented(dataset.repeat(3), transforms, seed=1)
        for dataset in (pairs, pairs.map(no_autograph(unknown_size)))
    )
    assert unknown.element_spec == known.element_spec
    for one, other in zip(known, unknown, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    tall = [augment.RandomCrop(height=17, width=4)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="one size from 17 x 4 on"):
        next(iter(tfseg.augmented(pairs.map(no_autograph(unknown_size)), tall, seed=1)))
