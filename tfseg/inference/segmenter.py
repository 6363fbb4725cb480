"""A trained network with everything around it: any image in, instance ids out, in one graph."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfseg import checks, config
from tfseg.config import ModelConfig
from tfseg.data.images import to_channels
from tfseg.heads import make_head
from tfseg.kernels import normalize
from tfseg.networks.build import build_model
from tfseg.training import checkpoint
from tfseg.training.trainer import CHECKPOINTS, CONFIG


class Instances(NamedTuple):
    """Instances of one image: label `[H, W]` int32, ids 1 to N; scores `[N]` float32 in [0, 1]."""

    label: np.ndarray
    scores: np.ndarray


class Segmenter(tf.Module):
    """Normalisation, network, decoding: what `predict` runs is what `export` saves."""

    def __init__(self, model: keras.Model, model_config: ModelConfig) -> None:
        super().__init__()
        self.model = model
        self.channels = model_config.channels
        self._head = make_head(model_config.head)

    @tf.function(autograph=False, reduce_retracing=True)
    def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Finds the instances of a batch.

        Args:
            images: `[B, H, W, C]`, any real dtype, any size, any exposure: every image is
                normalised by its own percentiles.

        Returns:
            "labels" `[B, H, W]` int32 ids from 1, 0 = background, and "scores" `[B, N]` float32.
        """
        images = tf.map_fn(
            normalize.percentile,
            images,
            fn_output_signature=tf.TensorSpec([None, None, self.channels], tf.float32),
        )
        decoded = self._head.decode(self.model(images, training=False))
        return {"labels": decoded.labels, "scores": decoded.scores}

    def predict(self, image: np.ndarray) -> Instances:
        """Finds the instances of one image `[H, W, C]`: grey, RGB or RGBA of any real dtype."""
        batch = to_channels(image, self.channels)[None]
        result = self(tf.constant(batch))
        return Instances(result["labels"][0].numpy(), result["scores"][0].numpy())


def load(run_dir: str | Path, *, checkpoint_name: str = "best") -> Segmenter:
    """Returns the trained network of a run directory.

    Args:
        run_dir: what a trainer wrote.
        checkpoint_name: "best" or "last".

    Raises:
        InputError: no such run, no checkpoint in it, or one of another architecture.
    """
    run_dir = Path(run_dir)
    checks.one_of("checkpoint", checkpoint_name, ("best", "last"))
    if not (run_dir / CONFIG).is_file():
        raise checks.InputError(f"{run_dir} is not a run directory: it has no {CONFIG}.")
    model_config = config.read(run_dir / CONFIG).model
    model = build_model(model_config)
    checkpoint.restore(run_dir / CHECKPOINTS / f"{checkpoint_name}.npz", model.variables)
    return Segmenter(model, model_config)
