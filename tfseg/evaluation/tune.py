"""The choice of decoding thresholds for a trained network, on the split `val`."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import calls, checks, placement
from tfseg.config import ModelConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.integrity import info_sha256, verify
from tfseg.evaluation.evaluate import with_channels_of
from tfseg.heads import head_of, head_without_classes
from tfseg.inference import thresholds
from tfseg.inference.resampled import nearest_ids
from tfseg.inference.segmenter import Segmenter, load
from tfseg.metrics import Conventions, evaluate_pairs
from tfseg.progress import OnProgress, image_progress

METRICS = ("ap50", "pq")
_SPLIT = "val"  # never test: metrics on the data used to choose thresholds are too good
_ROUNDS = 3  # over all options; on the embedded sample the second round changes nothing
_CONVENTIONS = Conventions(thresholds=(0.5,))

Options = dict[str, float]
Sample = tuple[str, np.ndarray, np.ndarray]
"""Name, maps `[H, W, channels]` float32 and true ids `[H, W]` of an image."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning(metaclass=calls.Public):
    """The chosen thresholds.

    Attributes:
        metric: name of the maximised metric, on the split `val`.
        start: thresholds of the run's configuration.
        chosen: the best thresholds.
        before: the metric with `start`.
        after: the metric with `chosen`.
        tried: number of scored combinations.

    Examples:
        >>> tfseg.Tuning(
        ...     metric="pq",
        ...     start={"min_area": 12},
        ...     chosen={"min_area": 25},
        ...     before=0.71,
        ...     after=0.74,
        ...     tried=6,
        ... ).chosen
        {'min_area': 25}
    """

    metric: str
    start: Options
    chosen: Options
    before: float
    after: float
    tried: int


@calls.check
def tune(
    run_dir: str | Path,
    dataset: Dataset,
    *,
    metric: str = "ap50",
    checkpoint: str = "best",
    on_progress: OnProgress | None = None,
    verbose: bool = True,
) -> Tuning:
    """Chooses the thresholds of a run's head on `val` and stores them in thresholds.yaml.

    `load` reads them from this file, so that `predict`, `evaluate` and `export` all use them. The
    result of an earlier call is ignored, so the same run and data give the same thresholds.

    Args:
        run_dir: folder of a run.
        dataset: with a split `val`.
        metric: "ap50" or "pq", of all instances of the split together.
        checkpoint: "best" or "last".
        on_progress: called with (images done, all images) while the network predicts them.
        verbose: shows the progress, in place on a terminal and in a notebook, else as lines.

    Raises:
        InputError: there is no split `val`, no such run, or no such metric.

    Examples:
        >>> tfseg.tune("run", tfseg.Dataset.open("nuclei"), metric="pq").metric
        'pq'
    """
    run_dir = Path(run_dir)
    checks.one_of("metric", metric, METRICS)
    if _SPLIT not in dataset.info.splits:
        raise checks.InputError(
            f"{dataset.path} has no split {_SPLIT}, on which thresholds are chosen (never on test);"
            f" it has {', '.join(dataset.info.splits)}. Convert the data with --val_fraction 0.1, "
            "and train on that."
        )
    segmenter = load(run_dir, checkpoint=checkpoint, tile=None, tuned=False)
    with tempfile.TemporaryDirectory() as folder:
        with image_progress("tune", on_progress, verbose=verbose) as report:
            files = list(_compute_maps(segmenter, dataset, Path(folder), report))
        tuning = search(lambda: map(_read, files), segmenter.model_config, metric=metric)
    thresholds.write(
        run_dir,
        tuning.chosen,
        metric=metric,
        split=_SPLIT,
        checkpoint=checkpoint,
        step=segmenter.origin.step,
        data={"path": str(dataset.path), "sha256": info_sha256(dataset)},
        before=round(tuning.before, 6),
        after=round(tuning.after, 6),
    )
    return tuning


def search(samples: Callable[[], Iterable[Sample]], model: ModelConfig, *, metric: str) -> Tuning:
    """Searches for the best value of one option after another, until no value changes.

    A tie keeps the current value if it is among the best, else the lowest.

    Args:
        samples: returns all images, at every call.
        model: configuration of the network; `tunable` of its head has the values to try.
        metric: "ap50" or "pq".
    """
    tunable = head_of(model).tunable
    head = head_without_classes(model)
    start = {name: getattr(head, name) for name in tunable}
    scores: dict[tuple[float, ...], float] = {}

    def score(options: Options) -> float:
        key = tuple(options.values())
        if key not in scores:
            scores[key] = _score(samples(), model, options, metric)
        return scores[key]

    chosen = start
    for _ in range(_ROUNDS):
        before = chosen
        for name, values in tunable.items():
            candidates = [chosen, *(chosen | {name: value} for value in values)]
            chosen = max(candidates, key=score)  # the first of ties
        if chosen == before:
            break
    return Tuning(
        metric=metric,
        start=start,
        chosen=chosen,
        before=score(start),
        after=score(chosen),
        tried=len(scores),
    )


def _score(samples: Iterable[Sample], model: ModelConfig, options: Options, metric: str) -> float:
    options = {**model.head_options, **options}
    head = head_of(dataclasses.replace(model, head_options=options))
    channels = sum(head.outputs.values())

    @tf.function(input_signature=[tf.TensorSpec([None, None, channels])], autograph=False)
    def decode(maps: tf.Tensor) -> tf.Tensor:
        with placement.host():
            return head.decode(head.split_outputs(maps[None])).labels[0]

    # Calls of `decode` itself would count as retracing, of which TensorFlow warns.
    graph = decode.get_concrete_function()
    pairs = ((name, truth, graph(tf.constant(maps)).numpy()) for name, maps, truth in samples)
    evaluation = evaluate_pairs(pairs, conventions=_CONVENTIONS)
    return float(evaluation.metrics()[metric])


def _compute_maps(
    segmenter: Segmenter, dataset: Dataset, folder: Path, report: OnProgress
) -> Iterator[Path]:
    """Yields a file with the maps of each image: maps need 16 bytes per pixel, images 1 to 3."""
    verify(dataset, _SPLIT)
    dataset = with_channels_of(segmenter, dataset)
    count = dataset.split(_SPLIT).num_images
    for index, sample in enumerate(dataset.samples(_SPLIT).as_numpy_iterator()):
        path = folder / f"{index}.npz"
        size = sample["pixel_size"].item() or None
        maps, truth = segmenter.maps(sample["image"], pixel_size=size), sample["label"]
        if truth.shape != maps.shape[:2]:
            truth = nearest_ids(truth, maps.shape[:2], segmenter.factor(size))
        np.savez(path, id=sample["id"].decode(), maps=maps, truth=truth)
        report(index + 1, count)
        yield path


def _read(path: Path) -> Sample:
    with np.load(path) as file:
        return str(file["id"]), file["maps"], file["truth"]
