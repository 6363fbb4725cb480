"""Which variables of a network are its encoder's: those that were made in `encoder_scope`."""

from __future__ import annotations

import contextlib

import keras

from tfseg import checks

_NAME = "encoder"


def encoder_scope() -> contextlib.AbstractContextManager[object]:
    """Marks the layers that are called for the first time inside it."""
    return keras.name_scope(_NAME)


def encoder_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns the trained variables of the encoder, in the order of the model's.

    Raises:
        InputError: there are none.
    """
    found = [each for each in model.trainable_variables if _NAME in each.path.split("/")]
    if not found:
        raise checks.InputError(
            "train.freeze_encoder and train.encoder_learning_rate need a network with an encoder: "
            f"of {model.name} no layer was made in tfseg.networks.encoder.encoder_scope."
        )
    return found
