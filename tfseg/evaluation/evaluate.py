"""The metrics of a trained network on a split of a data set."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfseg import calls
from tfseg.channels import is_convertible, names_of
from tfseg.checks import InputError, listed
from tfseg.data.files.paths import DataPath
from tfseg.evaluation import beam
from tfseg.evaluation.scoring import Scoring
from tfseg.inference.replicas import Replicas
from tfseg.lengths import text
from tfseg.metrics import Conventions, Evaluation
from tfseg.metrics.scoring import Scored, gathered
from tfseg.progress import OnProgress, image_progress

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
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
    beam_options: Sequence[str] | None = None,
    shared: str | DataPath = "",
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
        beam_options: options of an Apache Beam pipeline, such as ["--runner=FlinkRunner"], which
            then predicts and scores on many machines, a shard at a time. They need the data set and
            `shared` at the same paths. None: everything runs in this process.
        shared: new folder for the scores of each shard, until all are done; with `beam_options`.
            The same call resumes from those that a killed one has left.
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
    if segmenter.pixel_size and (unknown := dataset.info.num_without_pixel_size):
        warnings.warn(
            f"{unknown} images of {dataset.path} have no pixel size: they are taken as they are, "
            f"as if they had that of the network, {text(segmenter.pixel_size)}.",
            stacklevel=3,
        )
    shown = report.display if report else None
    scoring = Scoring(dataset, split, conventions, class_names, number_of, shown)
    count = dataset.split(split).num_images

    def scored(show: OnProgress) -> Iterator[Scored]:
        if beam_options is None:
            results = scoring.results(Replicas([segmenter]))
        else:
            results = beam.results(scoring, segmenter, shared=shared, options=beam_options)
        for number, result in enumerate(results, 1):
            if report and result.entry:
                report.gather(result.entry)
            if beam_options is not None:  # else it has counted the image
                segmenter.num_approximate += result.is_approximate
            yield result.scored
            show(number, count)

    with image_progress("evaluate", verbose=verbose) as show:
        return gathered(scored(show), conventions=conventions, class_names=class_names)


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
