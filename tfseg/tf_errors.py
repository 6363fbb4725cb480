"""Searches the texts of TensorFlow's errors, because one class of errors has many causes.

A text that changes with a version of TensorFlow only makes a message worse, never a result wrong.
tests/test_tf_errors.py provokes each of these errors.
"""

from __future__ import annotations

import re

# An InputError that a function of a pipeline raised, up to the end of the line. Apache Beam adds
# the step, and may give the error as text in an error of its runner.
_INPUT_ERROR = re.compile(r"InputError: (.*?)(?: \[while running|\\n|$)", re.MULTILINE)
_NAMES = re.compile(r"^\{\{.*\}\} | \[Op:.*")  # of functions and operations, around the reason
_OUT_OF_MEMORY = re.compile(r"(?!\s*File ).*(OOM|[Mm]emory)")  # not a line of a traceback
_TOO_LATE_FOR_WORKERS = "program startup"
# The function that handles a damaged record exists only in the process that trains.
_SERVICE = {"pyfunc": "a record is damaged", "Unknown iteration": "a server was started again"}


def input_error(text: str) -> str | None:
    """Returns the message of the `InputError` in the text of an error that wraps it, if any."""
    match = _INPUT_ERROR.search(text)
    return match and match[1]


def reason(text: str) -> str:
    """Returns the first line of an error, without the names of functions and operations."""
    return _NAMES.sub("", text.splitlines()[0]).rstrip(".")


def service_reason(text: str) -> str:
    """Returns why the service of tf.data cannot make a batch."""
    line = reason(text)
    return next((meaning for sign, meaning in _SERVICE.items() if sign in line), line)


def out_of_memory(text: str) -> str:
    """Returns the line of an error about the data that did not fit into memory."""
    lines = text.splitlines()
    return next((line for line in lines if _OUT_OF_MEMORY.match(line)), lines[0]).strip()


def is_too_late_for_workers(text: str) -> bool:
    """Checks whether a strategy of several workers was made after the first operation."""
    return _TOO_LATE_FOR_WORKERS in text
