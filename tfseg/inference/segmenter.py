"""A trained network with its pre- and postprocessing: images to instance ids in one graph."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfseg import calls, checks, config, placement
from tfseg.channels import names_of
from tfseg.config import ModelConfig
from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.dataset import INFO_FILE
from tfseg.data.pipeline.normalization import Normalization
from tfseg.heads import Decoded, Maps, head_of
from tfseg.heads.inputs import check_model
from tfseg.inference import thresholds, tiles, tta
from tfseg.inference.input_image import FINITE, InputImage, as_images, refuse_nonfinite
from tfseg.inference.instances import Instances
from tfseg.inference.metadata import describe
from tfseg.inference.origin import Origin, thresholds_of
from tfseg.inference.resampled import Resampled, nearest_ids
from tfseg.kernels import normalize
from tfseg.large_arrays import Windows
from tfseg.lengths import micrometres, text
from tfseg.networks import weights
from tfseg.networks.build import build_model
from tfseg.networks.context import context
from tfseg.networks.layers import pad_to_stride
from tfseg.run_files import CHECKPOINTS, CONFIG
from tfseg.version import __version__

_OVERLAP = 8  # share of a tile that is left out beside its cuts if the network sees all of an image


class Segmenter(tf.Module, metaclass=calls.Public):
    """Finds instances: normalisation, network and decoding; `export` saves what `predict` runs.

    Args:
        model: made by `build_model`.
        model_config: configuration of the model.
        tile: `predict` splits larger images into tiles of this side, a multiple of 128 with room
            for the network's context; None: 1,024, or four times the context; 0: never.
        tta: average the maps over the eight flips and rotations of an image.
        pixel_size: side of a pixel of the images that the network was trained on, a number in
            micrometres or a text such as "0.3m"; 0: not known. `predict` brings images to it.

    Raises:
        InputError: `tile` is not such a number, the limits are still "dataset", or the network has
            other inputs or outputs than `model_config` says.

    Attributes:
        num_approximate: images predicted in tiles by a network that sees the whole image, with a
            result that is not that of the whole image.

    Examples:
        >>> segmenter = tfseg.load("run")
        >>> segmenter(np.zeros((2, 64, 64, 1), np.uint8))["labels"].shape
        TensorShape([2, 64, 64])
        >>> segmenter.predict(np.eye(64)[..., None]).labels.shape
        (64, 64)
    """

    def __init__(
        self,
        model: keras.Model,
        model_config: ModelConfig,
        *,
        tile: int | None = 0,
        tta: bool = False,
        pixel_size: float | str = 0.0,
    ) -> None:
        super().__init__()
        self._normalization = Normalization.of(model_config)
        self._head = head_of(model_config)
        check_model(model, self._head, model_config.channels)
        # TensorFlow's variables, because only the Python loader restores Keras variables of a
        # SavedModel: saved_model_cli and TensorFlow Serving would find no weights.
        self.weights = [variable.value for variable in model.variables]
        self._network = functools.partial(model, training=False)
        self.model_config = model_config
        self.channels = model_config.channels
        self.tile = tile
        self.num_approximate = 0
        checks.flag("tta", tta)
        self.tta = tta
        self.pixel_size = micrometres("pixel_size", pixel_size) if pixel_size else 0.0
        self.class_names = model_config.class_names or ("instance",)
        self.channel_names = names_of(model_config.channels, model_config.channel_names)
        self.origin = Origin(thresholds=thresholds_of(model_config))
        if tile:
            tiles.check_size(tile, self.context)

    @functools.cached_property
    def context(self) -> int | None:
        """Pixels beside the cut of a tile that depend on what lies beyond; None: all of them."""
        return context(self.model)

    def digest(self) -> str:
        """Returns a SHA-256 of all that `predict` depends on: weights, configuration, options."""
        options = {"tile": self.tile, "tta": self.tta, "pixel_size": self.pixel_size}
        described = json.dumps(
            dataclasses.asdict(self.model_config) | options | {"version": __version__},
            default=str,
        )
        digest = hashlib.sha256(described.encode())
        for weight in self.weights:
            digest.update(weight.numpy().tobytes())
        return digest.hexdigest()

    @property
    def model(self) -> keras.Model:
        """The network: images in [0, 1] -> maps."""
        return self._network.func

    def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Finds the instances of a batch, or of one image.

        Args:
            images: `[B, H, W, C]` or `[H, W, C]`, any real dtype without NaN and infinite values,
                of the pixel size of the network, if it has one, any size, and any exposure: every
                image is normalised by its percentiles unless `ModelConfig.limits` fixes the range.

        Returns:
            "labels" `[B, H, W]` int32 ids from 1, 0 = background, "scores" `[B, N]` float32, and
            "classes" `[B, N]` int32 from 1; id k is at index k - 1, 0 if the image has no id k.
            Without the axis B for one image.

        Raises:
            InputError: another shape or dtype, no images, images without pixels, or NaN or infinite
                pixels; these are a tf.errors.InvalidArgumentError in a graph.
        """
        images = as_images(images, self.channels)
        if images.shape.rank == 3:
            return {name: values[0] for name, values in self(images[None]).items()}
        # One trace for all sizes, which TensorFlow does not count as retracing, with a warning.
        shape = tf.TensorSpec([None, None, None, self.channels], images.dtype)
        with refuse_nonfinite():
            return self.serve.get_concrete_function(shape)(images)

    @tf.function(autograph=False)
    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what a call does for a batch `[B, H, W, C]`; `export` saves it."""
        shape = tf.shape(images)
        # Here, because an exported network has no other place to say it.
        message = ("images must be [B, H, W, C] without a 0; got", shape, "Leave out empty images.")
        with placement.host():
            with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(shape > 0), message)]):
                images = tf.identity(images)
            if images.dtype.is_floating:
                images = tf.debugging.check_numerics(images, FINITE)
            images = tf.map_fn(
                self._normalization,
                images,
                fn_output_signature=tf.TensorSpec([None, None, self.channels], tf.float32),
            )
        return self._instances(self._maps(images))

    @tf.function(input_signature=[], autograph=False)
    def metadata(self) -> tf.Tensor:
        """Returns inputs, outputs, thresholds, origin and version as JSON: `[]` string."""
        described = describe(self.model_config, pixel_size=self.pixel_size)
        described["origin"] = self.origin.to_dict()
        return tf.constant(json.dumps(described))

    def predict(
        self, image: np.ndarray | Windows, *, pixel_size: float | str | None = None
    ) -> Instances:
        """Finds the instances of one image `[H, W, C]` of any real dtype.

        It must have the channels of the network; grey and RGB are converted to each other.
        Booleans are black and white, and integers other than uint8 count as 16 bits. An image that
        `open_image` returned is read tile by tile. A warning says what is unusual about the image.
        The ids of an image of more than 16 million pixels are in a temporary file (`Instances`).

        Args:
            image: the pixels.
            pixel_size: side of a pixel, a number in micrometres or a text such as "0.3m". The
                image is brought to the pixel size of the network, if it has one, and the ids are
                those of the nearest pixels, at the size of the image. None: not known.

        Raises:
            InputError: no array, another shape or dtype, no pixels, or NaN or infinite ones.
        """
        instances, doubt = self.predict_with_doubt(image, pixel_size=pixel_size)
        if doubt:
            warnings.warn(f"The image {doubt}.", stacklevel=2)
        return instances

    def predict_with_doubt(
        self,
        image: np.ndarray | Windows,
        *,
        pixel_size: float | str | None = None,
        folder: Path | None = None,
    ) -> tuple[Instances, str]:
        """Returns the result of `predict`, and a text instead of its warning.

        The text is the end of a sentence about the image; "" if nothing is unusual.

        Args:
            image: as for `predict`.
            pixel_size: as for `predict`.
            folder: of the temporary files of a large image; None for that of temporary files.
        """
        pixels = self._input(image)
        spreads, factor = self._spreads(pixels), self.factor(pixel_size)
        view = self._view(pixels, spreads, factor)
        if size := self._tile_size(view):
            instances = self._predict_tiles(view, self._limits(pixels, spreads), size, folder)
        elif factor != 1:
            maps = self._maps_of_view(view, self._limits(pixels, spreads))
            instances = self._decoded(maps)
        else:
            batch = tf.constant(pixels[:, :][None])
            # One trace for all sizes, which TensorFlow does not count as retracing, with a warning.
            shape = tf.TensorSpec([1, None, None, self.channels], batch.dtype)
            instances = _first(self.serve.get_concrete_function(shape)(batch))
        if factor != 1:
            labels = nearest_ids(instances.labels, pixels.shape[:2], 1 / factor)
            instances = instances._replace(labels=labels)
        doubts = [pixels.doubt(self._normalization, spreads)]
        if self.pixel_size and pixel_size is None:
            doubts.append(
                "has no pixel size, so it is taken as it is, as if it had that of the network, "
                f"{text(self.pixel_size)}"
            )
        return instances, "; it ".join(filter(None, doubts))

    def factor(self, pixel_size: float | str | None) -> float:
        """Returns the pixels of an image along a pixel of the network; 1 where one is not known."""
        if not self.pixel_size or pixel_size is None:
            return 1.0
        return self.pixel_size / micrometres("pixel_size", pixel_size)

    def maps(self, image: np.ndarray, *, pixel_size: float | str | None = None) -> np.ndarray:
        """Returns the maps that `predict` decodes: `[H, W, channels of all outputs]`.

        With another pixel size than the network's, they have the size of the image at that one.
        """
        pixels = self._input(image)
        spreads = self._spreads(pixels)
        limits = self._limits(pixels, spreads)
        view = self._view(pixels, spreads, self.factor(pixel_size))
        if size := self._tile_size(view):
            return tiles.all_maps(*self._tiled(view, limits, size))
        return self._maps_of_view(view, limits)

    def _maps_of_view(self, view: InputImage | Resampled, limits: tf.Tensor) -> np.ndarray:
        return self._maps_of_tiles(limits)(self._tile(view[:, :]), limits).numpy()

    def _view(
        self, image: InputImage, spreads: list[Spread], factor: float
    ) -> InputImage | Resampled:
        if factor == 1:
            return image

        def values(pixels: np.ndarray) -> np.ndarray:
            low, high = self._limits(image, spreads).numpy()  # now: the dtype is known
            return self._tile(pixels).numpy().clip(low, high)  # as in training

        return Resampled(image, factor, values)

    def _input(self, image: np.ndarray | Windows) -> InputImage:
        return InputImage(image, self.channels, self.model_config.channel_names)

    def _maps(self, images: tf.Tensor) -> Maps:
        if not self.tta:
            return self._network(images)
        # Padded before it is turned: so all turns of a tile are cut by the strides as the image's.
        maps = tta.averaged(self._network, pad_to_stride(images), vectors=self._head.vectors)
        height, width = tf.unstack(tf.shape(images)[1:3])
        return {name: values[:, :height, :width] for name, values in maps.items()}

    def _tile_size(self, image: InputImage | Resampled) -> int:
        """Returns the side of the tiles of an image; 0 if it is predicted whole."""
        longest = max(image.shape[:2])
        size = self.tile
        if size is None:  # The context is not measured for small images.
            needed = longest > tiles.suitable_size(0)
            size = tiles.suitable_size(self.context or 0) if needed else 0
        return size if longest > size else 0

    def _predict_tiles(
        self, image: InputImage | Resampled, limits: tf.Tensor, size: int, folder: Path | None
    ) -> Instances:
        tiled = self._tiled(image, limits, size)
        return tiles.predict_tiles(*tiled, decode=self._decoded, folder=folder)

    def _decoded(self, maps: np.ndarray) -> Instances:
        num_maps = sum(self._head.outputs.values())
        instances_of = self._decode.get_concrete_function(tf.TensorSpec([None, None, num_maps]))
        with placement.host():
            return _first(instances_of(tf.constant(maps)))

    def _tiled(
        self, image: InputImage | Resampled, limits: tf.Tensor, size: int
    ) -> tuple[tiles.Network, tuple[int, int, int], tiles.Plan]:
        """Returns the maps of a part of the image, the shape of all maps, and the plan of tiles."""
        maps_of = self._maps_of_tiles(limits)

        def network(rows: slice, columns: slice) -> np.ndarray:
            return maps_of(self._tile(image[rows, columns]), limits).numpy()

        self.num_approximate += self.context is None
        context = size // _OVERLAP if self.context is None else self.context
        height, width, _ = image.shape
        shape = (height, width, sum(self._head.outputs.values()))
        return network, shape, tiles.Plan(size, context)

    def _spreads(self, image: InputImage) -> list[Spread]:
        """Returns the percentiles of an image, or of each channel.

        There are none with fixed limits, and the image is not read.
        """
        if self._normalization.fixed:
            return []
        return Spread.of_channels(image) if self._normalization.by_channel else [Spread.of(image)]

    def _limits(self, image: InputImage, spreads: list[Spread]) -> tf.Tensor:
        """Returns the values that become 0 and 1, the same for all tiles of an image."""
        if not spreads:
            return self._normalization.fixed_limits()
        values = np.array([spread[:3] for spread in spreads], np.float32).T
        values = values if self._normalization.by_channel else values[:, 0]
        return self._normalization.limits_of(tf.constant(values), image.dtype)

    def _tile(self, pixels: np.ndarray) -> tf.Tensor:
        """Returns pixels as float32 in the unit of the limits."""
        bits = self._normalization.bits
        return tf.constant(normalize.in_depth(pixels.astype(np.float32), pixels.dtype, bits))

    def _maps_of_tiles(self, limits: tf.Tensor) -> Callable[..., tf.Tensor]:
        # One trace for all sizes of tiles: tiles at the end of a row or column are smaller.
        return self._tile_maps.get_concrete_function(
            tf.TensorSpec([None, None, self.channels]), tf.TensorSpec(limits.shape)
        )

    @tf.function(autograph=False)
    def _tile_maps(self, tile: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
        """Returns the maps `[h, w, channels]`, in the order of the head's outputs."""
        maps = self._maps(normalize.scale(tile, limits)[None])
        return tf.concat([maps[name] for name in self._head.outputs], axis=-1)[0]

    @tf.function(autograph=False)
    def _decode(self, maps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decodes the result of `_tile_maps` as a batch of one image."""
        return self._instances(self._head.split_outputs(maps[None]))

    def _instances(self, maps: Maps) -> dict[str, tf.Tensor]:
        with placement.host():
            decoded = self._head.decode(maps)
            named = {"labels": decoded.labels, "scores": decoded.scores}
            return named | {"classes": _classes(decoded)}


def _classes(decoded: Decoded) -> tf.Tensor:
    """Returns the classes of the instances; all 1 if the head predicts no classes."""
    if decoded.classes is not None:
        return decoded.classes
    counts = tf.reduce_max(decoded.labels, axis=(1, 2))
    return tf.sequence_mask(counts, tf.shape(decoded.scores)[1], tf.int32)


def _first(batch: dict[str, tf.Tensor]) -> Instances:
    return Instances(*(batch[name][0].numpy() for name in Instances._fields))


@calls.check
def load(
    run_dir: str | Path,
    *,
    checkpoint: str = "best",
    tile: int | None = 0,
    tta: bool = False,
    tuned: bool = True,
) -> Segmenter:
    """Returns the trained network of a run directory.

    Args:
        run_dir: written by a trainer.
        checkpoint: "best" or "last".
        tile: as for `Segmenter`.
        tta: as for `Segmenter`.
        tuned: use the thresholds that `tune` chose, if it was run; warns if they were chosen for
            the weights of another step.

    Raises:
        InputError: `tile` is no multiple of 128 or too small for the network, the run or the
            checkpoint does not exist, or the checkpoint has another architecture.

    Examples:
        >>> tfseg.load("run", checkpoint="last").class_names
        ('nucleus',)
    """
    run_dir = Path(run_dir)
    checks.one_of("checkpoint", checkpoint, ("best", "last"))
    if not (run_dir / CONFIG).is_file():
        kind = "a data set" if (run_dir / INFO_FILE).is_file() else "no run"
        raise checks.InputError(
            f"{run_dir} is {kind}: it has no {CONFIG}. Give the folder of a run, made by train."
        )
    run_config = config.read(run_dir / CONFIG)
    model_config = run_config.model
    chosen = thresholds.read(run_dir, model_config) if tuned else thresholds.Tuned({}, {})
    options = {**model_config.head_options, **chosen.options}
    model_config = dataclasses.replace(model_config, head_options=options)
    model = build_model(model_config, pretrained=False)
    file = run_dir / CHECKPOINTS / f"{checkpoint}.npz"
    step, _ = weights.restore(file, model.variables)
    chosen.check_step(run_dir, step)
    size = run_config.data.pixel_size
    segmenter = Segmenter(model, model_config, tile=tile, tta=tta, pixel_size=size)
    segmenter.origin = Origin.of_run(
        run_dir, model_config, checkpoint=checkpoint, step=step, tuned=chosen
    )
    return segmenter
