"""Registers all layers, losses, metrics, optimizers and schedules of tfseg with Keras.

    import keras
    import tfseg.keras_objects

    model = keras.models.load_model("model.keras")

Keras loads only registered classes, and a class is registered when its module is imported; `import
tfseg` alone imports none of them.
"""

from __future__ import annotations

from tfseg import losses as losses
from tfseg.augment import layer as layer
from tfseg.metrics import graph as graph
from tfseg.networks import layers as layers
from tfseg.networks.backbones import segmentation_models
from tfseg.training import muon as muon
from tfseg.training import schedules as schedules

segmentation_models()  # registers the functions in its networks
