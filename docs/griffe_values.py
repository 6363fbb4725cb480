"""Shows the defaults of arguments as values in the reference, not as names of constants.

mkdocs.yml names this extension of griffe, which reads the source without running it.
"""

from __future__ import annotations

import griffe


class Values(griffe.Extension):
    """Replaces the names of constants, and the calls that mark fields of the configuration."""

    def on_function(
        self, *, func: griffe.Function, loader: griffe.GriffeLoader, **_: object
    ) -> None:
        """Replaces the defaults of the parameters."""
        for parameter in func.parameters:
            parameter.default = _value(parameter.default, loader)

    def on_attribute(
        self, *, attr: griffe.Attribute, loader: griffe.GriffeLoader, **_: object
    ) -> None:
        """Replaces the default of a field, before griffe makes a parameter of it."""
        if "class-attribute" in attr.labels:
            attr.value = _value(attr.value, loader)


def _value(
    default: str | griffe.Expr | None, loader: griffe.GriffeLoader
) -> str | griffe.Expr | None:
    if isinstance(default, griffe.ExprCall) and str(default.function) == "free_on_resume":
        return default.arguments[0]
    if isinstance(default, griffe.ExprName) and default.canonical_path.startswith("tfseg."):
        constant = loader.modules_collection[default.canonical_path]
        return constant.value if constant.is_attribute else default
    return default
