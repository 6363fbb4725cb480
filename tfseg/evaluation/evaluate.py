"""The metrics of a trained network on a split of a data set."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tfseg import calls
from tfseg.channels import is_convertible, names_of
from tfseg.checks import InputError, listed
from tfseg.data.dataset.integrity import verify
from tfseg.data.files.limits import LARGE
from tfseg.large_arrays import Windows
from tfseg.lengths import text
from tfseg.metrics import Conventions, Evaluation, Pair, evaluate_pairs
from tfseg.progress import OnProgress, image_progress

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.dataset.stored_image import StoredImage
    from tfseg.evaluation.report.report import Report
    from tfseg.inference.segmenter import Segmenter


@calls.check
def evaluate(
    segmenter: Segmenter,
    dataset: Dataset,
    split: str,
    *,
    conventions: Conventions | None = None,
    report: Report | None = None,
    verbose: bool = True,
) -> Evaluation:
    """Predicts every image of a split once, at its full size, and scores it against its truth.

    Images of more than 16 million pixels are read in windows.

    Args:
        segmenter: a trained network.
        dataset: with the images.
        split: its name.
        conventions: what is counted; `Conventions()` by default.
        report: receives every image with its prediction and the seconds it took.
        verbose: shows the progress, in place on a terminal and in a notebook, else as lines.

    Classes are matched by their names. They are ignored, with a warning unless the names are the
    same, if the network or the data set has only one.

    Raises:
        InputError: there is no such split, it is empty, a shard is not the one that dataset.json
            describes, or the network does not know a class of the data set.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> evaluation = tfseg.evaluate(tfseg.load("run"), dataset, "test")
        >>> len(evaluation.images())
        12
    """
    conventions = conventions or Conventions()
    dataset = with_channels_of(segmenter, dataset)
    class_names, number_of = _classes(segmenter, dataset)

    def pair(stored: StoredImage) -> Pair:
        is_large = stored.shape[0] * stored.shape[1] > LARGE
        image, truth = (stored.image, stored.label) if is_large else stored.arrays()
        start = time.perf_counter()
        # `check` says the doubts.
        predicted, _ = segmenter.predict_with_doubt(image, pixel_size=stored.pixel_size)
        seconds = time.perf_counter() - start
        scored = Pair(stored.id, truth, predicted.labels, scores=predicted.scores)
        if class_names:
            # The classes of the truth are in the order of its ids, which may have gaps.
            numbered = Renumbered(truth, stored.ids())
            scored = scored._replace(
                truth=numbered if is_large else np.asarray(numbered),
                truth_class_of=number_of[stored.class_of - 1],
                predicted_class_of=predicted.classes,
            )
        if report:
            names = dataset.info.channel_names
            report.add(scored, image, seconds=seconds, channel_names=names)
        return scored

    if segmenter.pixel_size and (unknown := dataset.info.num_without_pixel_size):
        warnings.warn(
            f"{unknown} images of {dataset.path} have no pixel size: they are taken as they are, "
            f"as if they had that of the network, {text(segmenter.pixel_size)}.",
            stacklevel=3,
        )
    verify(dataset, split)
    count = dataset.split(split).num_images

    def pairs(show: OnProgress) -> Iterator[Pair]:
        for number, stored in enumerate(dataset.images(split), 1):
            yield pair(stored)
            show(number, count)

    with image_progress("evaluate", verbose=verbose) as show:
        return evaluate_pairs(pairs(show), conventions=conventions, class_names=class_names)


def with_channels_of(segmenter: Segmenter, dataset: Dataset) -> Dataset:
    """Returns the data set with the channels of a network, by their names.

    Grey and RGB images stay as they are: the network converts them.

    Raises:
        InputError: the data set does not have all of these channels.
    """
    model, info = segmenter.model_config, dataset.info
    names = names_of(model.channels, model.channel_names)
    if is_convertible(names) and info.is_grey_or_rgb:
        return dataset
    return dataset.with_channels(names)


class Renumbered(Windows):
    """A map of ids, renumbered from 1 without gaps in the same order; 0 and -1 stay.

    Args:
        label: `[H, W]` ids.
        ids: `[N]`, those above 0, ascending.
    """

    dtype = np.dtype(np.int32)

    def __init__(self, label: np.ndarray | Windows, ids: np.ndarray) -> None:
        self.shape = label.shape
        self._label, self._ids = label, ids

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        label = self._label[window]
        number = np.searchsorted(self._ids, label) + 1
        return np.where(label > 0, number, label).astype(np.int32)


def _classes(segmenter: Segmenter, dataset: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the names of the scored classes, and for each class of the data set its number.

    The names are those of the network; there are none if classes are ignored.
    """
    known, labelled = segmenter.model_config.class_names, dataset.info.class_names
    unknown = [name for name in labelled if name not in known]
    missing = [name for name in known if name not in labelled]
    trained = listed(known) if known else "instances without classes"
    both = f"the network was trained on {trained}, and {dataset.path} has {listed(labelled)}"
    if len(known) < 2 or (unknown and len(labelled) == 1):
        if (known and unknown) or missing or len(labelled) > 1:
            warnings.warn(f"Classes are ignored: {both}.", stacklevel=3)
        return (), np.array([], int)
    if unknown:
        raise InputError(
            f"The network must know every class of the data, but {both}; got {listed(unknown)}. "
            "Convert data with classes of the network, or train on these."
        )
    if missing:
        warnings.warn(
            f"Predictions of {listed(missing)} are false in the metrics of classes: {both}.",
            stacklevel=3,
        )
    return known, np.array([known.index(name) + 1 for name in labelled])
