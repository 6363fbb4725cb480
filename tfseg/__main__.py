"""`python -m tfseg` is the command `tfseg`."""

from __future__ import annotations

import sys

from tfseg.cli import main

if __name__ == "__main__":
    sys.exit(main())
