"""Imports TensorFlow without its start-up messages."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# Lines of the levels error and fatal: "E0000 00:00:1...", or "2026-01-01 00:00:00.0: E ...".
# That there is no driver is no error where there is no card; `tfseg doctor` says it.
_ERROR = re.compile(rb"(?!.*failed call to cuInit)([EF]\d{4} |\d{4}-\d\d-\d\d \S+: [EF] )")


def load_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages, unless the user asks for its messages.

    TensorFlow writes some messages before it reads the level, such as the message about CUDA when
    GPUs are listed for the first time.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") in ("0", "1"):
        return
    with _only_errors():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """Lets no line through to standard error but errors; all lines if the block raises."""
    sys.stderr.flush()
    kept, pattern = os.dup(2), _ERROR
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            pattern = re.compile(b"")
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            os.write(2, b"".join(line for line in file if pattern.match(line)))
