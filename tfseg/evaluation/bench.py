"""How many images a second each stage of a run handles."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator

from tfseg import checks
from tfseg.config import RunConfig
from tfseg.data.store import Dataset
from tfseg.inference.segmenter import Segmenter
from tfseg.training.session import Session

_WARM_UP = 3  # batches: the first compiles, the next two fill the buffers


@dataclasses.dataclass(frozen=True)
class StageSpeed:
    """The speed of one stage by itself.

    Attributes:
        stage: its name.
        images: that were timed.
        seconds: that they took, after a warm-up.
    """

    stage: str
    images: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Images over seconds."""
        return self.images / self.seconds

    @property
    def milliseconds_per_image(self) -> float:
        """The same the other way round."""
        return 1000.0 * self.seconds / self.images


def bench(dataset: Dataset, config: RunConfig, *, batches: int = 20) -> list[StageSpeed]:
    """Times the stages of training and prediction, each by itself, and all of training together.

    Stages: "read" (stored records), "decode" (whole images and ids), "input" (all that precedes
    the network: shuffling, decoding, augmentation, targets), "step" (forward, backward and update
    on one batch in memory), "train" (input and step together, as in training), "predict" (whole
    images one at a time, with decoding to ids).

    Args:
        dataset: its `train` split is used.
        config: of a run on it; nothing is written.
        batches: timed in each stage, after a warm-up.

    Raises:
        InputError: the configuration does not fit the data set or the devices.
    """
    checks.in_range("batches", batches, low=1)
    session = Session(config, dataset)
    return [
        StageSpeed(name, batches * config.train.batch_size, _seconds(stage, batches))
        for name, stage in _stages(session).items()
    ]


def _stages(session: Session) -> dict[str, Iterator[object]]:
    """Returns for every stage an endless iterator that does a batch of its work at each step."""
    dataset, size = session.dataset, session.config.train.batch_size
    segmenter = Segmenter(session.model, session.config.model)
    records = dataset.records("train").repeat().as_numpy_iterator()
    samples = dataset.samples("train").repeat().as_numpy_iterator()
    pictures = dataset.samples("train").repeat().as_numpy_iterator()
    found = (segmenter.predict(picture["image"]) for picture in pictures)
    (batch,) = itertools.islice(session.training_batches(), 1)
    return {
        "read": _by(records, size),
        "decode": _by(samples, size),
        "input": session.training_batches(),
        "step": (_finished(session.train_step(batch)) for _ in itertools.repeat(None)),
        "train": (_finished(session.train_step(each)) for each in session.training_batches()),
        "predict": _by(found, size),
    }


def _by(images: Iterator[object], size: int) -> Iterator[object]:
    return (list(itertools.islice(images, size)) for _ in itertools.repeat(None))


def _finished(losses: dict[str, object]) -> float:
    """Waits for a step: devices work on while Python goes ahead."""
    return float(losses["loss"])


def _seconds(stage: Iterator[object], batches: int) -> float:
    for _ in range(_WARM_UP):
        next(stage)
    start = time.perf_counter()
    for _ in range(batches):
        next(stage)
    return time.perf_counter() - start
