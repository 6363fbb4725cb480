"""Logs for TensorBoard: metrics, pictures, the graph of the network, and a profile of some steps.

`tf.summary` writes them, so the package tensorboard is only needed to view them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import placement
from tfseg.data.pipeline.batches import validation_crops
from tfseg.drawing.display import Display
from tfseg.drawing.overlays import panel
from tfseg.training.callbacks import Callback
from tfseg.training.history import Row
from tfseg.training.session import Session

_FOLDER = "tensorboard"


class TensorBoard(Callback):
    """Writes every metric of the rows, and some validation images with truth and prediction.

    The tab Graphs shows the network in prediction, layer by layer.

    View the logs with `tensorboard --logdir RUN_DIR`. A resumed run writes another file; for
    repeated steps TensorBoard shows the later values.

    Args:
        run_dir: of the run; the files are in its folder tensorboard.
        images: number of pictures per validation, of the first images of the split val.
        display: names of the channels that are shown; empty: as in `Display`.
    """

    def __init__(
        self, run_dir: str | Path, *, images: int = 4, display: Sequence[str] = ()
    ) -> None:
        self._folder, self._count = Path(run_dir) / _FOLDER, images
        self._shown = tuple(display)

    def on_begin(self, session: Session) -> None:
        """Opens the file, writes the graph, and keeps the images."""
        self._writer = tf.summary.create_file_writer(str(self._folder))
        self._session, self._views = session, []
        self._display = Display(session.config.model.channel_names, self._shown)
        self._display.check("display")
        if self._count and "val" in session.dataset.info.splits:
            views = validation_crops(session.dataset, session.config, limit=self._count).unbatch()
            self._views = list(views.take(self._count).as_numpy_iterator())
        self._predict = tf.function(self._labels, autograph=False)
        with self._writer.as_default(step=0):
            tf.summary.graph(_graph(session))

    def on_log(self, row: Row) -> None:
        """Writes the metrics."""
        with self._writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name not in ("step", "steps"):
                    _write(name, tf.constant(value, tf.float32), plugin="scalars")
        self._writer.flush()

    def on_validation(self, row: Row) -> None:
        """Writes the pictures: image, true and predicted instances; errors are white."""
        with self._writer.as_default(step=int(row["step"])):
            for index, view in enumerate(self._views):
                predicted = self._predict(view["image"][None]).numpy()[0]
                picture = panel(view["image"], view["label"], predicted, display=self._display)
                height, width = picture.shape[:2]
                png = tf.io.encode_png(picture)
                value = tf.stack([tf.constant(str(width)), tf.constant(str(height)), png])
                _write(f"validation/{index}", value, plugin="images")

    def on_end(self) -> None:
        """Closes the file."""
        self._writer.close()

    def _labels(self, images: tf.Tensor) -> tf.Tensor:
        session = self._session
        outputs = session.model(images, training=False)
        with placement.host():
            return session.head.decode(outputs).labels


class Profile(Callback):
    """Records what devices and host do in some steps, for TensorBoard's profiler.

    Args:
        run_dir: of the run; the files are in its folder tensorboard.
        first: the first recorded step.
        last: the last recorded step.
    """

    def __init__(self, run_dir: str | Path, *, first: int, last: int) -> None:
        self._folder, self._before, self._last = Path(run_dir) / _FOLDER, first - 1, last
        self._is_on = False

    def on_step(self, step: int) -> None:
        """Starts recording before the first step, and ends after the last."""
        if step == self._before:
            tf.profiler.experimental.start(str(self._folder))
            self._is_on = True
        elif step == self._last:
            self.on_end()

    def on_end(self) -> None:
        """Ends the recording, if it runs."""
        if self._is_on:
            tf.profiler.experimental.stop()
        self._is_on = False


def _graph(session: Session) -> tf.Graph:
    size, channels = session.config.data.crop_size, session.config.model.channels
    forward = tf.function(lambda images: session.model(images, training=False), autograph=False)
    return forward.get_concrete_function(tf.TensorSpec([None, size, size, channels])).graph


def _write(tag: str, value: tf.Tensor | np.ndarray, *, plugin: str) -> None:
    # Not tf.summary.scalar and tf.summary.image, which need the package tensorboard.
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name=plugin)
    )
    tf.summary.write(tag, value, metadata=metadata)
