"""Run with the Python of tensorflow-addons: prints how far tfseg's kernels are from it, as JSON.

For each of the recorded cases: the largest difference of tfseg's replacement from what
tensorflow-addons gives now, as a plain graph ("CASE") and compiled ("xla/CASE"), in shares of the
range of values. `record_addons.py` computes the record itself anew.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).parents[2]))
from record_addons import RECORDS, cases, computed, read, tfa  # noqa: E402

from tfseg import kernels  # noqa: E402
from tfseg.kernels import drop_in  # noqa: E402


def difference(one: tf.Tensor, other: tf.Tensor) -> float:
    """Returns the largest difference as a share of the range of `other`."""
    one, other = (np.asarray(values, np.float64) for values in (one, other))
    return float(np.abs(one - other).max() / max(np.ptp(other), 1e-9))


def main() -> None:
    """Prints the differences and the versions."""
    for module in pkgutil.iter_modules(kernels.__path__):
        importlib.import_module(f"tfseg.kernels.{module.name}")
    differences = {}
    for case, arguments in cases(read(RECORDS[0])):
        (live,) = computed(case, arguments).values()
        function = getattr(drop_in, case.split("/")[0])
        compiled = tf.function(
            lambda function=function, given=arguments: function(**given), jit_compile=True
        )
        differences[case] = difference(function(**arguments), live)
        differences[f"xla/{case}"] = difference(compiled(), live)
    versions = {"tensorflow": tf.__version__, "tensorflow_addons": tfa.__version__}
    print(json.dumps({"differences": differences, "versions": versions}))


if __name__ == "__main__":
    main()
