"""Agreement of the foregrounds, instance or not, from counts of pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tfseg.metrics.matching import Overlaps


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """Foreground pixels, of one image or of many.

    Attributes:
        intersection: pixels that are foreground in both.
        truth: pixels of the true foreground.
        predicted: pixels of the predicted foreground.
    """

    intersection: int
    truth: int
    predicted: int

    @classmethod
    def total(cls, counts: Iterable[PixelCounts]) -> PixelCounts:
        """Returns the counts of all images together."""
        rows = [dataclasses.astuple(count) for count in counts]
        return cls(*map(sum, zip((0, 0, 0), *rows, strict=True)))

    @property
    def dice(self) -> float:
        """2 |P and T| / (|P| + |T|); 1 where both are empty."""
        return fraction(2 * self.intersection, self.truth + self.predicted)

    @property
    def iou(self) -> float:
        """|P and T| / |P or T|; 1 where both are empty."""
        return fraction(self.intersection, self.truth + self.predicted - self.intersection)


def count_pixels(table: Overlaps) -> PixelCounts:
    """Counts the foreground of one image."""
    return PixelCounts(
        intersection=int(table.intersection.sum()),
        truth=int(table.truth_areas.sum()),
        predicted=int(table.predicted_areas.sum()),
    )


def fraction(part: float, whole: float) -> float:
    """Returns part / whole; 1 where the whole is 0: nothing to find and nothing found."""
    return part / whole if whole else 1.0
