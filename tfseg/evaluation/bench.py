"""How many images per second each stage of a run handles, and which stage is the bottleneck."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from tfseg import calls, checks
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.integrity import named_damage
from tfseg.data.pipeline.order import training_order
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.data.pipeline.stages import Stage
from tfseg.data.pipeline.windows import input_stages
from tfseg.heads import head_of
from tfseg.inference.segmenter import Segmenter
from tfseg.training.session import Session

_WARM_UP = 2  # batches: the first one compiles, both fill the buffers
_HELD = 2  # batches in memory, repeated as the input of a stage that is timed alone
COPY, STEP, PREDICT = "copy", "step", "predict"
REMEDIES = {
    "read": "put the data set on a faster disk, or keep decoded images (--data.cache memory)",
    "decode": "keep decoded images (--data.cache memory, or disk)",
    "cache": "keep decoded images in memory (--data.cache memory)",
    "crop": "use smaller crops (--data.crop_size), or cut large images into tiles to convert",
    "augment": "use fewer transforms or lower their p (--augment), or smaller crops "
    "(--data.crop_size)",
    "draw": "use fewer transforms (--augment)",
    "batch": "use smaller crops (--data.crop_size)",
    "targets": "use another head (--model.head), or smaller crops (--data.crop_size)",
    COPY: "use smaller crops (--data.crop_size)",
    STEP: "use a smaller network (--model), or more devices (--devices.names)",
}

Batches = Callable[[], Iterator[object]]  # starts from scratch; each step processes one batch


@dataclasses.dataclass(frozen=True)
class Speed(metaclass=calls.Public):
    """Images per second over the repeats: their median, and the lower and upper quartile.

    Examples:
        >>> tfseg.Speed.of([10.0, 20.0, 40.0]).median
        20.0
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Speed:
        """Returns median and quartiles of the repeats."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        return cls(median, low, high)


@dataclasses.dataclass(frozen=True)
class StageSpeed(metaclass=calls.Public):
    """The speed of one stage.

    Attributes:
        stage: its name.
        alone: speed with its input in memory.
        cumulative: speed together with all stages before it; None for a stage outside the chain.

    Examples:
        >>> speed = tfseg.Speed.of([10.0, 20.0, 40.0])
        >>> tfseg.StageSpeed("decode", alone=speed, cumulative=speed).stage
        'decode'
    """

    stage: str
    alone: Speed
    cumulative: Speed | None


@dataclasses.dataclass(frozen=True)
class BenchReport(metaclass=calls.Public):
    """The result of `bench`.

    Attributes:
        stages: in the order of the work.
        bottleneck: the stage that limits the speed of training.
        remedy: what makes it faster.

    Examples:
        >>> speed = tfseg.Speed.of([10.0, 20.0, 40.0])
        >>> stages = (tfseg.StageSpeed("decode", alone=speed, cumulative=speed),)
        >>> tfseg.BenchReport(stages, bottleneck="decode", remedy="keep decoded images").bottleneck
        'decode'
    """

    stages: tuple[StageSpeed, ...]
    bottleneck: str
    remedy: str


@calls.check
def bench(
    dataset: Dataset,
    config: RunConfig,
    *,
    batches: int = 5,
    repeats: int = 5,
    input_only: bool = False,
) -> BenchReport:
    """Times the stages of training and prediction, alone and with all stages before.

    Stages: "read" (stored records), "decode" (whole images and ids), "crop", "augment", "batch",
    "targets", "copy" (from the host to the devices), "step" (forward, backward and update), and
    separately "predict" (full images one at a time, with decoding to ids). With train.augment_on
    device, "draw" (random numbers) is in place of "augment", and the step has the rest. They are
    timed in turn, so that a slow minute of the machine affects all stages.

    Args:
        dataset: its `train` split is used.
        config: of a run on this data set; nothing is written.
        batches: number of batches timed in each repeat, after a warm-up.
        repeats: number of measurements of every stage.
        input_only: leaves out copy, step and predict, so no network is built.

    Raises:
        InputError: the configuration does not fit the data set or the devices, or a record is
            damaged.

    Examples:
        >>> data, train = tfseg.DataConfig(crop_size=32), tfseg.TrainConfig(batch_size=1)
        >>> config = tfseg.RunConfig(augment=(), data=data, train=train)
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> report = tfseg.bench(dataset, config, batches=1, repeats=1, input_only=True)
        >>> [speed.stage for speed in report.stages]
        ['read', 'decode', 'crop', 'augment', 'batch', 'targets']
    """
    checks.integer("batches", batches, low=1)
    checks.integer("repeats", repeats, low=1)
    session = None if input_only else Session(config, dataset)
    head = head_of(config.model) if session is None else session.head
    stages = input_stages(dataset, config, head)
    work = _input_work(training_order(dataset, config, first=0), stages, config.train.batch_size)
    with unwrap_input_errors(), named_damage(dataset, "train"):
        if session:
            work |= _device_work(session)
        speeds = _speeds(work, batches, repeats, config.train.batch_size)
    stage_speeds = tuple(
        StageSpeed(stage, speeds[stage, "alone"], speeds.get((stage, "cumulative")))
        for stage in dict.fromkeys(stage for stage, _ in work)
    )
    stage = bottleneck(stage_speeds)
    return BenchReport(stage_speeds, stage, REMEDIES[stage])


def bottleneck(speeds: tuple[StageSpeed, ...]) -> str:
    """Returns the name of the stage that limits the speed of training.

    This is the step if all input stages together are faster, else the slowest input stage.
    """
    by_name = {speed.stage: speed for speed in speeds if speed.stage != PREDICT}
    step = by_name.pop(STEP, None)
    slowest = min(by_name.values(), key=lambda speed: speed.alone.median)
    together = list(by_name.values())[-1].cumulative
    is_step = step and together and step.alone.median < together.median
    return STEP if is_step else slowest.stage


def _input_work(
    before: tf.data.Dataset, stages: Mapping[str, Stage], size: int
) -> dict[tuple[str, str], Batches]:
    """Returns the work to time for every stage of the pipeline, alone and cumulative."""
    work: dict[tuple[str, str], Batches] = {}
    batched = False
    for name, stage in stages.items():
        held = before.take(_HELD if batched else _HELD * size).cache().repeat()
        batched = batched or name == "batch"
        for kind, source in (("alone", held), ("cumulative", before)):
            work[name, kind] = _count_elements(stage(source), 1 if batched else size)
        before = stage(before)
    return work


def _count_elements(dataset: tf.data.Dataset, size: int) -> Batches:
    """Returns the work that makes `size` elements per step, without copying them to NumPy."""
    made = dataset.map(lambda *_: tf.constant(0)).batch(size)
    return lambda: iter(made.prefetch(tf.data.AUTOTUNE))


def _device_work(session: Session) -> dict[tuple[str, str], Batches]:
    """Returns the work to time for the network, alone and cumulative."""
    size, wanted = session.config.train.batch_size, session.config.data.pixel_size
    segmenter = Segmenter(session.model, session.config.model, pixel_size=wanted)
    (batch,) = itertools.islice(session.training_input(), 1)

    def train(batches: Iterator[tuple]) -> Iterator[object]:
        return (_wait_for(session.train_step(batch)["loss"]) for batch in batches)

    def copied(batches: Iterator[tuple]) -> Iterator[object]:
        return (_wait_for(_last_pixel(session, batch)) for batch in batches)

    def predicted() -> Iterator[object]:
        samples = session.dataset.samples("train").repeat().as_numpy_iterator()
        predictions = (
            segmenter.predict(sample["image"], pixel_size=sample["pixel_size"].item() or None)
            for sample in samples
        )
        return (list(itertools.islice(predictions, size)) for _ in itertools.repeat(None))

    return {
        (COPY, "alone"): lambda: copied(session.training_input(repeated=_HELD)),
        (COPY, "cumulative"): lambda: copied(session.training_input()),
        (STEP, "alone"): lambda: train(itertools.repeat(batch)),
        (STEP, "cumulative"): lambda: train(session.training_input()),
        (PREDICT, "alone"): predicted,
    }


def _last_pixel(session: Session, batch: tuple) -> tf.Tensor:
    """Returns one pixel of a batch on the last device."""
    images, *_ = batch
    return session.strategy.experimental_local_results(images)[-1][0, 0, 0, 0]


def _wait_for(value: tf.Tensor) -> float:
    """Waits until the device has computed the value, and returns it."""
    return float(value)


def _speeds(
    work: Mapping[tuple[str, str], Batches], batches: int, repeats: int, size: int
) -> dict[tuple[str, str], Speed]:
    values: dict[tuple[str, str], list[float]] = {key: [] for key in work}
    for _ in range(repeats):
        for key, start in work.items():
            values[key].append(batches * size / _seconds(start(), batches))
    return {key: Speed.of(speeds) for key, speeds in values.items()}


def _seconds(work: Iterator[object], batches: int) -> float:
    for _ in range(_WARM_UP):
        next(work)
    start = time.perf_counter()
    for _ in range(batches):
        next(work)
    return time.perf_counter() - start
