"""Calls from users: what is wrong with a call is said in one sentence, before anything is done.

`check` decorates public functions, and `Public` is the metaclass of public classes. Both read the
annotations: a signature says once what a call may give.

The command line prints an `InputError` as one line and exits with 2; any other exception is a
defect of tfseg and keeps its traceback.
"""

from __future__ import annotations

import abc
import difflib
import functools
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

_OBJECT = (object.__init__, object.__new__)
_WIDTH = 80  # characters of a value in a message
_SHOWN_MEMBERS = ("__call__", "__getitem__")  # of those with underscores
# How a value of a class is made, by the name of the class in annotations.
_SOURCES = {
    "Cleanup": "Give tfseg.Cleanup(...).",
    "Conventions": "Give tfseg.metrics.Conventions(...).",
    "DataConfig": "Give tfseg.DataConfig(...).",
    "Dataset": "Open one with tfseg.Dataset.open(folder).",
    "DeviceConfig": "Give tfseg.DeviceConfig(...).",
    "Evaluation": "Make one with tfseg.evaluate, or tfseg.Evaluation.read(folder).",
    "Head": "Make one with tfseg.make_head(name).",
    "Instances": "Make them with tfseg.load(run_dir).predict(image).",
    "LogConfig": "Give tfseg.LogConfig(...).",
    "ModelConfig": "Give tfseg.ModelConfig(...), or the model of a RunConfig.",
    "OptimizerConfig": "Give tfseg.OptimizerConfig(...).",
    "Overlaps": "Make it with tfseg.metrics.overlaps(truth, prediction).",
    "PixelLoss": "Give one such as tfseg.losses.Dice(), or tfseg.losses.parse('dice').",
    "Reading": "Give tfseg.Reading(...).",
    "Report": "Give tfseg.Report().",
    "RunConfig": "Give tfseg.RunConfig(...), or tfseg.config.read(file).",
    "Schedule": "Leave it out: the configuration has the learning rate.",
    "Selection": "Give tfseg.Selection(...).",
    "Sampling": "Give tfseg.augment.Sampling(...).",
    "Segmenter": "Load one with tfseg.load(run_dir).",
    "TrainConfig": "Give tfseg.TrainConfig(...).",
    "keras.Model": "Make one with tfseg.build_model(config).",
    "pd.DataFrame": "Give a table, such as tfseg.Evaluation.images returns.",
    "tf.data.Dataset": "Make one with tf.data.Dataset.from_generator, or from_tensor_slices.",
}
_CLASSES = {"tf.data.Dataset": "DatasetV2"}  # where the class has another name
_LISTS = ("Collection", "Iterable", "Sequence")
_PATH = ("a path", "Give it as text or as pathlib.Path.")
_PLACES = {"RunConfig", "ModelConfig", "Path"}  # where people put the Keras model to be trained
_FUNCTION = ("a function", "Give a function.")
_RULES = {  # rule and remedy of further names in annotations
    "bool": ("true or false", "Give True or False."),
    "str": _PATH,
    "Path": _PATH,
    "DataPath": _PATH,
    "Callable": _FUNCTION,
    "OnProgress": _FUNCTION,
    **dict.fromkeys(_LISTS, ("a list", "Put it in a list.")),
    "None": ("None", "Leave it out."),
}


class Public(abc.ABCMeta):
    """Metaclass of public classes: wrong calls are an `InputError`, and `help` is short.

    `dir` and `help` show the members of such classes, without inherited ones of Keras and without
    those that `dataclasses` makes; fields are in the docstring.
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        return _signature_of(cls)

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        """Makes an instance.

        Raises:
            InputError: an argument is missing, unknown, or of another kind.
        """
        # A flag is a field, which `__post_init__` checks by its name in a configuration.
        _check(cls.__name__, cls.__signature__, arguments, options, flags=False)
        return super().__call__(*arguments, **options)

    def __dir__(cls) -> list[str]:
        members = {name for kind in cls.__mro__ if isinstance(kind, Public) for name in vars(kind)}
        members -= getattr(cls, "__dataclass_fields__", {}).keys()
        return sorted(
            name for name in members if name in _SHOWN_MEMBERS or not name.startswith("_")
        )


class InputError(ValueError, metaclass=Public):
    """A value, file, option or call from the user that cannot be used: the message says why.

    Its arguments are the lines of the message.

    Examples:
        >>> try:
        ...     tfseg.RunConfig(seed=-1)
        ... except tfseg.InputError as error:
        ...     print(error)
        seed must be a whole number in [0, 2147483647]; got -1.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


def check(function: Function) -> Function:
    """Decorates a public function: it raises an `InputError` for a wrong call.

    An argument is wrong if it is missing or unknown, or if it is not the annotated class, path,
    list, function or bool. Other annotations are left to the function.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> Any:
        _check(function.__qualname__, signature, arguments, options, flags=True)
        return function(*arguments, **options)

    return cast(Function, checked)


def shown(value: object) -> str:
    """Returns a value in a line: an array or a tensor by its shape and type, others cut short."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = getattr(value.dtype, "name", value.dtype)
        return f"{type(value).__name__} {list(value.shape)} of {dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


@functools.cache  # 12 us to find; the rest of a call takes 6
def _signature_of(cls: Public) -> inspect.Signature:
    makers = (cls.__init__, cls.__new__)  # type: ignore[misc]
    maker = next((maker for maker in makers if maker not in _OBJECT), None)
    if maker is None:
        return inspect.Signature()
    signature = inspect.signature(maker)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _check(
    name: str,
    signature: inspect.Signature,
    arguments: tuple,
    options: Mapping[str, Any],
    *,
    flags: bool,
) -> None:
    try:
        given = signature.bind(*arguments, **options).arguments
    except TypeError as error:
        raise InputError(_unfit(name, signature, options, error)) from None
    for key, value in given.items():
        parameter = signature.parameters[key]
        annotation = str(parameter.annotation)
        if parameter.kind is not parameter.VAR_KEYWORD and (flags or annotation != "bool"):
            _check_kind(f"{key} of {name}", value, _kinds(annotation))


def _unfit(
    name: str, signature: inspect.Signature, options: Iterable[str], error: TypeError
) -> str:
    """Returns what is wrong with a call that does not fit a signature."""
    parameters = {key: value for key, value in signature.parameters.items() if key != "self"}
    unknown = [key for key in options if key not in parameters]
    if unknown:
        close = difflib.get_close_matches(unknown[0], parameters, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(parameters)
        return f"An argument of {name} must be one of {known}; got {unknown[0]!r}.{hint}"
    call = ", ".join(
        f"{key}=..." if parameter.kind is parameter.KEYWORD_ONLY else key
        for key, parameter in parameters.items()
    )
    fault = re.sub("missing a required .*argument:", "no value for", str(error))
    return f"{name} must be called as {name}({call}); got {fault}. {_SOURCES.get(name, '')}".strip()


@functools.cache
def _kinds(annotation: str) -> tuple[str, ...]:
    """Returns the names in an annotation such as "Callable[[int], None] | None"."""
    while "[" in annotation:
        annotation = re.sub(r"\[[^\[\]]*\]", "", annotation)
    return tuple(annotation.split(" | "))


def _check_kind(name: str, value: object, kinds: tuple[str, ...]) -> None:
    """Checks that a value is of one of the annotated kinds, if all of them are known."""
    known = all(kind in _SOURCES or kind in _RULES for kind in kinds)
    if "str" in kinds and not {"Path", "DataPath"} & set(kinds):
        return  # a name, which a function says more about
    if not known or any(_is(value, kind) for kind in kinds):
        return
    rules = dict.fromkeys(_RULES[kind][0] if kind in _RULES else _article(kind) for kind in kinds)
    remedies = [_SOURCES.get(kind) or _RULES[kind][1] for kind in kinds]
    remedy = "Give its path." if "a path" in rules and hasattr(value, "path") else remedies[0]
    if _is(value, "keras.Model") and _PLACES & set(kinds):
        remedy = "A Keras model is Trainer(config, run_dir, network=model)."
    raise InputError(f"{name} must be {' or '.join(rules)}; got {shown(value)}. {remedy}")


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "EIO" else f"a {kind}"


def _is(value: object, kind: str) -> bool:
    names = {base.__name__ for base in type(value).__mro__}
    if kind in _LISTS:
        return hasattr(value, "__iter__") and not isinstance(value, str | os.PathLike | Mapping)
    if kind in ("Callable", "OnProgress"):
        return callable(value)
    if kind in ("Path", "DataPath"):
        return isinstance(value, os.PathLike) or "RemotePath" in names
    if kind == "bool":
        return bool({"bool", "bool_"} & names)
    return value is None if kind == "None" else _CLASSES.get(kind, kind.split(".")[-1]) in names
