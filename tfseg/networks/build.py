"""Builds a `keras.Model` from a configuration, with one output for each map of the head."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path

import keras

from tfseg import calls, checks, compat
from tfseg.config import KERAS, PRECISIONS, ModelConfig
from tfseg.heads import head_of
from tfseg.networks import keras_json
from tfseg.networks.backbones import backbones, patched_backbones, segmentation_models
from tfseg.networks.compact import compact
from tfseg.networks.encoder import mark_named_encoder
from tfseg.networks.keras_network import Network, described, registered, with_maps
from tfseg.networks.layers import STRIDE, CutTo, PadToStride, ResizeAs
from tfseg.networks.maps import maps_of, num_maps
from tfseg.networks.precision import dtype_policy
from tfseg.networks.pretrained import (
    CHANNELS,
    NONE,
    adapt_encoder,
    checkpoint_of,
    is_checkpoint,
    model_of,
    preprocessed,
    standardized,
    take_encoder,
    weights_found,
)
from tfseg.networks.weights import assign

# For the moving statistics of batch normalisation. Keras's 0.99 lags behind the weights of a short
# run: after 240 steps on the embedded sample Dice was 0.76, and 0.88 with up-to-date statistics.
_MOMENTUM = 0.9


@calls.check
def build_model(
    config: ModelConfig,
    network: Network | None = None,
    *,
    seed: int = 0,
    pretrained: bool = True,
    precision: str = "float32",
) -> keras.Model:
    """Builds the network.

    Args:
        config: the network; `channels` must be set.
        network: a Keras model, or a function that makes one from `config`: images -> features, or
            images -> the maps of the head (see docs/own_network.md); none: that of `config`.
        seed: of the initial weights.
        pretrained: reads `encoder_weights`; use false if a checkpoint replaces all weights.
        precision: Keras's policy for all layers but the last, such as mixed_bfloat16. Weights are
            float32 under any policy, so a checkpoint fits networks of all policies.

    Returns:
        A functional model: images `[B, H, W, channels]` float32 in [0, 1], of any size, -> dict of
        maps `[B, H, W, n]` float32, logits, named as in the head's `outputs`. Its batch
        normalisation is synchronised: its statistics are computed over the global batch, on any
        number of replicas.

    Raises:
        InputError: an unknown backbone, `channels` is not set, the weights do not exist, `network`
            does not fit the head or the images, or Keras is set to channels_first.

    Examples:
        >>> model = tfseg.build_model(tfseg.ModelConfig(filters=(8, 8), channels=1))
        >>> {name: maps.shape[-1] for name, maps in model.output.items()}
        {'foreground': 1, 'center': 1, 'offset': 2}
    """
    if (data_format := keras.config.image_data_format()) != "channels_last":
        raise checks.InputError(
            f"Keras's image_data_format must be channels_last; got {data_format}. Change it in "
            "~/.keras/keras.json, or call keras.config.set_image_data_format('channels_last')."
        )
    checks.integer("seed", seed, low=0)
    checks.one_of("precision", precision, PRECISIONS)
    network = registered(config) if network is None else network
    if network is not None:
        config, values = described(network, config, seed=seed)
        model = build_model(config, precision=precision)
        if pretrained:
            assign(model.variables, values)
        return model
    where = checkpoint_of(config.encoder_weights)
    config = dataclasses.replace(config, encoder_weights=where).completed()
    weights = where if pretrained else NONE
    if config.backbone:
        checks.one_of("model.backbone", config.backbone, backbones())
    checks.in_range("model.channels", config.channels, low=1)
    if len(config.mean) not in (0, config.channels):
        raise checks.InputError(
            f"model.mean and model.std must have a number for each of {config.channels} channels; "
            f"got {len(config.mean)}."
        )
    with dtype_policy(precision):
        with compat.seeded_initializers(seed):
            network = _network(config, NONE if is_checkpoint(weights) else weights)
        compat.set_normalization(network, momentum=_MOMENTUM)
        model = _with_any_size(network, config)
    if is_checkpoint(weights):
        _take_encoder(Path(weights).expanduser(), model, config)
    return model


def _take_encoder(file: Path, model: keras.Model, config: ModelConfig) -> None:
    other = model_of(file).completed()
    for what, given, wanted in (
        ("backbone", _backbone(other), _backbone(config)),
        ("number of input channels", _encoder_channels(other), _encoder_channels(config)),
    ):
        if given != wanted:
            raise checks.InputError(
                f"model.encoder_weights: the {what} of the encoder in {file} must be {wanted}; got "
                f"{given}. Use another run, or configure the network as in that run."
            )
    take_encoder(file, build_model(other, pretrained=False), model)


def _backbone(config: ModelConfig) -> str:
    return config.backbone or config.architecture


def _network(config: ModelConfig, encoder_weights: str) -> keras.Model:
    """Returns images -> the maps of the head, concatenated."""
    if config.architecture == KERAS:
        keras_json.check_precision(config.network, keras.config.dtype_policy().name)
        network = keras_json.model_of(config.network)
        mark_named_encoder(network)
        return with_maps(network, config)
    if config.architecture == "Compact":
        maps = num_maps(config)
        return compact(
            config.channels, config.filters, maps, name=config.head, dropout=config.dropout
        )
    return _with_head(_dense_network(config, encoder_weights), config)


def _encoder_channels(config: ModelConfig) -> int:
    """Returns the channels of the encoder's input, which for ImageNet and grey images are RGB."""
    imagenet = config.encoder_weights != NONE and not is_checkpoint(config.encoder_weights)
    is_repeated = config.channels == 1 and (imagenet or config.preprocessing != NONE)
    return CHANNELS if is_repeated else config.channels


def _dense_network(config: ModelConfig, encoder_weights: str) -> keras.Model:
    options = {"decoder_filters": config.decoder_filters} if config.architecture == "Unet" else {}
    make = functools.partial(
        getattr(segmentation_models(), config.architecture), config.backbone, classes=1, **options
    )
    channels = _encoder_channels(config)
    with weights_found(encoder_weights) as (weights, get_file), patched_backbones(get_file):
        is_as_trained = weights is None or channels == CHANNELS
        first = weights if is_as_trained else None
        network = make(input_shape=(None, None, channels), encoder_weights=first)
        if not is_as_trained:
            of_colors = make(input_shape=(None, None, CHANNELS), encoder_weights=weights)
            adapt_encoder(of_colors, network)
    return network


def _with_head(network: keras.Model, config: ModelConfig) -> keras.Model:
    """Replaces the last convolution of a network by one for all maps of the head."""
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    maps = maps_of(convolutions[-1].input, network.input, config)
    if config.architecture == "PSPNet":  # the only one that ends at a lower resolution
        maps = ResizeAs(name="final_upsampling", dtype="float32")([maps, network.input])
    return keras.Model(network.input, maps, name=config.architecture.lower())


def _with_any_size(network: keras.Model, config: ModelConfig) -> keras.Model:
    images = keras.Input((None, None, config.channels), name="images")
    with dtype_policy("float32"):
        values = _as_trained(images, config)
    padded = PadToStride(STRIDE, name="pad", dtype="float32")(values)
    maps = CutTo(name="cut", dtype="float32")([network(padded), images])
    channels = head_of(config).outputs
    starts = list(itertools.accumulate(channels.values()))[:-1]
    parts = keras.ops.split(maps, starts, axis=-1) if starts else [maps]
    outputs = dict(zip(channels, parts, strict=True))
    return keras.Model(images, outputs, name=f"{network.name}_instances")


def _as_trained(images: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Returns the input of the encoder for images in [0, 1]."""
    if config.channels != _encoder_channels(config):
        images = keras.layers.Concatenate(name="grey_as_rgb")([images] * CHANNELS)
    if config.preprocessing != NONE:
        return preprocessed(images, config.backbone)
    return standardized(images, config.mean, config.std) if config.mean else images
