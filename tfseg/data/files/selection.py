"""Which of the pictures in a file is read: a level of a pyramid, a page, or several as one."""

from __future__ import annotations

import dataclasses

from tfseg import calls, checks
from tfseg.checks import InputError
from tfseg.data.files import PROJECTIONS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection(metaclass=calls.Public):
    """Which of the pictures in a file is read; by default a file must have one, or a pyramid.

    Attributes:
        level: of a pyramid, from 0 on, the largest.
        page: of a file with several pages, such as the planes of a stack, from 0 on.
        projection: how all pages become one image: "max" or "mean" of each pixel, or "channels",
            which makes each page a channel.

    Examples:
        >>> tfseg.Selection(level=1).page is None
        True
    """

    level: int = 0
    page: int | None = None
    projection: str | None = None

    def __post_init__(self) -> None:
        checks.integer("level", self.level, low=0)
        if self.page is not None:
            checks.integer("page", self.page, low=0)
        if self.projection is not None:
            checks.one_of("projection", self.projection, PROJECTIONS)
        if self.page is not None and self.projection is not None:
            raise InputError(
                f"page or projection must be given, not both; got {self.page} and "
                f"{self.projection}. Leave one out."
            )

    def chosen(self) -> dict[str, int | str]:
        """Returns the options that differ from the default, by name."""
        values = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {field.name: value for field, value in values if value != field.default}


DEFAULT = Selection()
