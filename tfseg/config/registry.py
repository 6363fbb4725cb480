"""Transforms, heads, losses, metrics, formats and networks from outside tfseg, by their names.

Every kind is declared beside the tables in which tfseg looks up its names; `register` adds to them.
A run records which plugin, a file or a module, registered the names that it uses. It is a record:
tfseg runs no code that a file names, only what a person imports or gives by --plugins.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

from tfseg import checks
from tfseg.checks import InputError

Thing = TypeVar("Thing")
NETWORK = "network"  # the only kind without a base class
_USE = (
    "a class that inherits augment.Transform, heads.Head, losses.PixelLoss, metrics.Metric or "
    f"formats.format.Format, or a function with kind={NETWORK!r}"
)


def _nothing(thing: Any) -> None:
    """Checks nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of what can be registered.

    Attributes:
        name: such as head.
        base: of its classes; None for functions.
        tables: where tfseg looks up its names.
        reserved: further names that are taken.
        check: called with what is to be registered; raises `InputError` if something is missing.
        made: returns what is put into the tables.
    """

    name: str
    base: type | None
    tables: tuple[dict[str, Any], ...]
    reserved: Collection[str] = ()
    check: Callable[[Any], None] = _nothing
    made: Callable[[Any], Any] = lambda thing: thing


_KINDS: dict[str, Kind] = {}
_REGISTERED: dict[tuple[str, str], Any] = {}  # by the name of the kind, and the name


def declare(kind: Kind) -> None:
    """Adds a kind."""
    _KINDS[kind.name] = kind


@overload
def register(thing: Thing, *, kind: str = "") -> Thing: ...
@overload
def register(*, kind: str) -> Callable[[Thing], Thing]: ...
def register(thing: Any = None, *, kind: str = "") -> Any:
    """Makes a class or function usable by its name, wherever tfseg takes a name of its kind.

    A transform, head, loss, metric or format is a class, and its base class says its kind; a
    network is a function. The name is that of the class or function. The same definition again, as
    in a notebook, replaces the earlier one.

    Args:
        thing: the class or function; without it, a decorator is returned.
        kind: "network" for a function from `ModelConfig` to `keras.Model`; not needed for classes.

    Returns:
        `thing`, so that this is a decorator, above `@dataclasses.dataclass`.

    Raises:
        InputError: it is of no kind or of another one, its name is taken, or something is missing.

    Examples:
        >>> import dataclasses
        >>> @tfseg.register
        ... @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Invert(tfseg.augment.Pixel):
        ...     p: float = 0.5
        ...
        ...     def change(self, image, params):
        ...         return 1.0 - image
        >>> tfseg.augment.from_spec([{"name": "Invert", "p": 1.0}])
        [Invert(p=1.0)]
    """
    if thing is None:
        return functools.partial(register, kind=kind)
    chosen = _kind_of(thing, kind)
    name = thing.__name__
    _check_free(chosen, thing)
    if missing := sorted(getattr(thing, "__abstractmethods__", ())):
        raise InputError(f"The {chosen.name} {name} must define {', '.join(missing)}. Add them.")
    chosen.check(thing)
    for table in chosen.tables:
        table[name] = chosen.made(thing)
    _REGISTERED[chosen.name, name] = thing
    return thing


def check_dataclass(kind: str, thing: type) -> None:
    """Checks that a class is a frozen dataclass; one that only inherits from one has no fields.

    Raises:
        InputError: it is none.
    """
    parameters = vars(thing).get("__dataclass_params__")
    if not (parameters and parameters.frozen):
        raise InputError(
            f"The {kind} {thing.__name__} must be a frozen dataclass. Put "
            "@dataclasses.dataclass(frozen=True, kw_only=True) between @tfseg.register and it."
        )


def check_call(kind: str, thing: Any, *arguments: str) -> None:
    """Checks that a class or function can be called with so many arguments.

    Raises:
        InputError: it cannot.
    """
    try:
        inspect.signature(thing).bind(*arguments)
    except TypeError as error:
        given = f"only {', '.join(arguments)}" if arguments else "no arguments"
        raise InputError(
            f"The {kind} {thing.__name__} must be callable with {given}; {error}. Give the others "
            "default values."
        ) from error


def plugins_of(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Returns the registered ones of some names, such as "head Inside", by their plugins.

    Args:
        names: pairs of the name of the kind and the name; those of tfseg are left out.
    """
    plugins: dict[str, list[str]] = {}
    for kind, name in dict.fromkeys(names):
        if (kind, name) in _REGISTERED:
            plugin = _plugin_of(_REGISTERED[kind, name])
            plugins.setdefault(plugin, []).append(f"{kind} {name}")
    return plugins


def names(kind: str) -> list[str]:
    """Returns the registered names of a kind, such as format."""
    return [name for other, name in _REGISTERED if other == kind]


def missing(plugins: Mapping[str, Iterable[str]]) -> str:
    """Returns what is not registered of the result of `plugins_of`, as sentences; "" if nothing."""
    registered = {" ".join(key) for key in _REGISTERED}
    lost = {
        plugin: ", ".join(name for name in names if name not in registered)
        for plugin, names in plugins.items()
    }
    return " ".join(
        f"The {names} must be registered, as it was by {plugin}. {_remedy(plugin)}"
        for plugin, names in lost.items()
        if names
    )


def check_registered(plugins: Any) -> None:
    """Checks that all names of a record, the result of `plugins_of`, are registered.

    Raises:
        InputError: a name is not; the message has its plugin and the remedy.
    """
    checks.mapping("plugins", plugins)
    for plugin, names in plugins.items():
        checks.sequence(f"plugins.{plugin}", names, "[head Inside]")
    if reason := missing(plugins):
        raise InputError(reason)


def _remedy(plugin: str) -> str:
    if plugin == "__main__":
        return "Run its definition in this session again."
    module = Path(plugin).stem if plugin.endswith(".py") else plugin
    return f"Give --plugins {plugin} to the command, or import {module} in Python."


def _plugin_of(thing: Any) -> str:
    """Returns the file or the module that defines a class or function.

    A module of a package needs the package, so it has its name; others have their file.
    """
    module = sys.modules.get(thing.__module__)
    spec, file = getattr(module, "__spec__", None), getattr(module, "__file__", None)
    name = spec.name if spec else thing.__module__
    if getattr(module, "__package__", "") and name != file:
        return name
    return str(Path(file).resolve()) if file else name


def _kind_of(thing: Any, name: str) -> Kind:
    """Returns the kind of what is to be registered.

    Raises:
        InputError: it has none, or is not of the kind called `name`.
    """
    if isinstance(thing, type):
        bases = [kind for kind in _KINDS.values() if kind.base in thing.__mro__]
        if len(bases) == 1 and name in ("", bases[0].name):
            return bases[0]
        if len(bases) == 1:
            raise InputError(
                f"kind must be {bases[0].name} for {thing.__name__}, by its base class; got "
                f"{name!r}. Leave kind out."
            )
    elif inspect.isfunction(thing) and name == NETWORK:
        return _KINDS[NETWORK]
    raise InputError(f"register takes {_USE}; got {thing!r} and kind={name!r}.")


def _check_free(kind: Kind, thing: Any) -> None:
    """Checks that the name is an identifier, and is new in any case, since some tables ignore it.

    Raises:
        InputError: it is not.
    """
    name = thing.__name__
    if not name.isidentifier():
        raise InputError(f"A {kind.name} must have a name; got {name!r}. Define it by def.")
    taken = {other.lower(): other for other in (*kind.reserved, *kind.tables[0])}
    other = taken.get(name.lower())
    if other is None:
        return
    before = _REGISTERED.get((kind.name, other))
    if before is None:
        raise InputError(
            f"{name} must be a new name; tfseg has the {kind.name} {other}. Rename {name}."
        )
    if (before.__module__, before.__qualname__) != (thing.__module__, thing.__qualname__):
        raise InputError(
            f"{name} must be a new name; {_plugin_of(before)} registered the {kind.name} {other}. "
            f"Rename one of them."
        )
