"""The embedded images: nuclei with their instance ids, for the demo, the examples and the tests.

Folders `train` (48 images), `test` (12) and `other` (6, not fluorescence), each with `images` and
`labels` of the same names. Source and licence: LICENSE.md beside this file.
"""

from __future__ import annotations

from pathlib import Path

from tfseg import calls

__all__ = ["path"]
__dir__ = __all__.copy


@calls.check
def path() -> Path:
    """Returns the folder of the embedded images, which `tfseg.convert` takes as it is."""
    return Path(__file__).parent
