"""A Keras model as JSON text, and back, in a process that does not know who made it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from tfseg import checks

# The policy under which a function makes its network: layers that have it follow the policy of the
# training or prediction, and layers made with dtype="float32" keep theirs.
FOLLOWING = "mixed_bfloat16"
_KNOWN = ("keras", "keras_hub", "builtins")  # packages whose classes Keras imports itself


def text_of(network: keras.Model) -> str:
    """Returns a model without its weights as JSON, the same wherever and whenever it was made.

    Automatic names of layers count from 0: conv2d_7, the eighth of this process, may be conv2d.

    Raises:
        InputError: a layer cannot be saved.
    """
    try:
        values = json.loads(json.dumps(keras.saving.serialize_keras_object(network)))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise checks.InputError(
            f"The network {network.name} must be one that Keras can save; it cannot: "
            f"{first_line(error)} Give its layers a get_config."
        ) from error
    _drop_compiled(values)
    return json.dumps(_renumbered(values))


def model_of(text: str) -> keras.Model:
    """Returns the model of `text_of`, with new weights, under the current policy of Keras.

    Raises:
        InputError: the text is not a model, or a class in it is not registered.
    """
    values = _parsed(text)
    for policy in _following(values):
        policy["name"] = keras.config.dtype_policy().name
    _check_registered(values)
    try:
        model = keras.saving.deserialize_keras_object(values)
    except Exception as error:  # the constructors of layers raise any type
        raise checks.InputError(
            f"model.network cannot be made again from its JSON: {first_line(error)} Give its "
            "layers a get_config with all arguments of their constructor."
        ) from error
    if not isinstance(model, keras.Model):
        raise checks.InputError(
            f"model.network must be the JSON of a keras.Model; it is that of {type(model)}."
        )
    return model


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
        values["class_name"], values["config"]
    except (ValueError, LookupError, TypeError) as error:
        raise checks.InputError(
            "model.network must be a file with the JSON of a Keras model, as model.to_json() "
            f"returns it; it is not ({error!r})."
        ) from error
    _drop_compiled(values)
    return values


def follows(text: str) -> bool:
    """Returns whether layers of a model follow the policy, rather than be made for float32."""
    return any(_following(_parsed(text)))


def check_precision(text: str, policy: str) -> None:
    """Checks that a policy other than float32 has an effect on the layers of a model.

    Raises:
        InputError: all layers are of float32.
    """
    if policy != "float32" and not follows(text):
        raise checks.InputError(
            f"devices.precision {policy} has no effect on a network whose layers were made for "
            "float32. Give a function that makes it instead of the model."
        )


def _following(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the configurations of the policies of layers that follow Keras's policy."""
    for entry in _objects(values):
        if entry["class_name"] == "DTypePolicy" and entry["config"]["name"].startswith("mixed_"):
            yield entry["config"]


def _check_registered(values: dict[str, Any]) -> None:
    for entry in _objects(values):
        name, module = entry["class_name"], entry.get("module", "keras")
        if name == "__lambda__":
            raise checks.InputError(
                "The network must have no Lambda of a Python lambda, which Keras does not load. "
                "Use keras.ops, or write a registered layer."
            )
        is_known = module is not None and module.split(".")[0] in _KNOWN
        if is_known or keras.saving.get_registered_object(entry.get("registered_name") or name):
            continue
        where = f" of the module {module}" if module else ""
        raise checks.InputError(
            f"The network has {name}{where}, a class that Keras does not know. Decorate it by "
            "keras.saving.register_keras_serializable(), and import its module before the "
            "network is used."
        )


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    """Yields all descriptions of objects in a description, outer ones first."""
    if isinstance(values, dict):
        if "class_name" in values and "config" in values:
            yield values
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            yield from _objects(value)


def _drop_compiled(values: dict[str, Any]) -> None:
    for entry in _objects(values):
        entry.pop("compile_config", None)


def _renumbered(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a description in which automatic names count from 0."""
    names, counts = {}, Counter[str]()
    for entry in _objects(values):
        name = isinstance(entry["config"], dict) and entry["config"].get("name")
        automatic = _automatic(entry["class_name"])
        if name and name not in names and re.fullmatch(rf"{automatic}(_\d+)?", name):
            number = counts[automatic]
            names[name] = f"{automatic}_{number}" if number else automatic
            counts[automatic] += 1
    return _renamed(values, names)


def _automatic(class_name: str) -> str:
    """Returns the name that Keras gives the first layer of a class, such as conv2d for Conv2D."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _renamed(values: Any, names: dict[str, str]) -> Any:
    if isinstance(values, list):
        if list(map(type, values)) == [str, int, int]:  # a tensor: layer, call, output
            return [names.get(values[0], values[0]), *values[1:]]
        return [_renamed(value, names) for value in values]
    if not isinstance(values, dict):
        return values
    return {
        key: names.get(value, value)
        if key == "name" and isinstance(value, str)
        else _renamed(value, names)
        for key, value in values.items()
    }


def first_line(error: Exception) -> str:
    """Returns the first line of what Keras says, without the call and the colours around it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    lines = [line for line in text.splitlines() if line and not line.startswith("Exception enc")]
    return f"{lines[0][:300].rstrip('.')}." if lines else type(error).__name__
