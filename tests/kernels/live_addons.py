"""Run with the Python of tensorflow-addons: prints how far tfseg's kernels are from it, as JSON.

For each of the recorded cases: the largest difference of what tensorflow-addons gives now from what
was recorded ("recorded/CASE"), and of tfseg's replacement from what tensorflow-addons gives now, as
a plain graph ("CASE") and compiled ("xla/CASE"). All in shares of the range of values.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parents[2]))
import tensorflow_addons as tfa  # noqa: E402

from tfseg import kernels  # noqa: E402
from tfseg.kernels import drop_in  # noqa: E402

REMARKS = ("degrees", "order", "note")  # of the record, no arguments


def cases() -> Iterator[tuple[str, dict[str, object], np.ndarray]]:
    """Yields the name of each recorded case, its arguments and its output."""
    with np.load(Path(__file__).parent / "data" / "tfa_golden.npz", allow_pickle=False) as file:
        record = dict(file)
    for name in sorted(record):
        if not name.endswith("/output"):
            continue
        case = name[: -len("/output")]
        arrays = {
            key.rsplit("/", 1)[1]: value
            for start in (case.split("/")[0], case)
            for key, value in record.items()
            if key.rsplit("/", 1)[0] == start
        }
        arguments = json.loads(str(arrays.pop("args")))
        expected = arrays.pop("output")
        yield case, {k: v for k, v in arguments.items() if k not in REMARKS} | arrays, expected


def difference(one: tf.Tensor, other: tf.Tensor) -> float:
    """Returns the largest difference as a share of the range of `other`."""
    one, other = (np.asarray(values, np.float64) for values in (one, other))
    return float(np.abs(one - other).max() / max(np.ptp(other), 1e-9))


def main() -> None:
    """Prints the differences and the versions."""
    for module in pkgutil.iter_modules(kernels.__path__):
        importlib.import_module(f"tfseg.kernels.{module.name}")
    found = {}
    for case, arguments, expected in cases():
        name = case.split("/")[0]
        live = getattr(tfa.image, name)(**arguments)
        own = getattr(drop_in, name)
        compiled = tf.function(lambda own=own, given=arguments: own(**given), jit_compile=True)
        found[f"recorded/{case}"] = difference(live, expected)
        found[case] = difference(own(**arguments), live)
        found[f"xla/{case}"] = difference(compiled(), live)
    versions = {"tensorflow": tf.__version__, "tensorflow_addons": tfa.__version__}
    print(json.dumps({"differences": found, "versions": versions}))


if __name__ == "__main__":
    main()
