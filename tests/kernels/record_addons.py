"""Run with the Python of tensorflow-addons: computes the outputs of its recorded cases anew.

    python benchmarks/environments/make.py tensorflow-addons
    .venv-benchmarks/tensorflow-addons/bin/python tests/kernels/record_addons.py --to FOLDER

FOLDER gets tfa_golden.npz and tfa_cases.npz with the arguments of the committed files and what
tensorflow-addons gives for them now. A case has its arrays as "CASE/NAME", its other arguments as
JSON in "CASE/args", and begins with the name of the operation.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it announces its end
    import tensorflow_addons as tfa

HERE = Path(__file__).parent
RECORDS = (HERE / "data" / "tfa_golden.npz", HERE.parent / "contracts" / "tfa_cases.npz")
REMARKS = ("degrees", "order", "note")  # of the record, no arguments
OPTIMIZERS = ("AdamW", "LAMB")


def read(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a record."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def cases(record: Mapping[str, np.ndarray]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the name of each recorded case, and its arguments."""
    for case in sorted(name[: -len("/args")] for name in record if name.endswith("/args")):
        arguments: dict[str, Any] = {
            name.rsplit("/", 1)[1]: value
            for start in (case.split("/")[0], case)
            for name, value in record.items()
            if name.rsplit("/", 1)[0] == start
        }
        plain = json.loads(str(arguments.pop("args")))
        arguments.pop("output", None)
        yield case, arguments | {name: plain[name] for name in plain if name not in REMARKS}


def computed(case: str, arguments: dict[str, Any]) -> dict[str, np.ndarray]:
    """Returns what tensorflow-addons gives, by the name in the record."""
    name = case.split("/")[0]
    if name in OPTIMIZERS:
        return {f"{case}/{key}": value for key, value in _steps(name, arguments).items()}
    module = tfa.image if hasattr(tfa.image, name) else tfa.losses
    if name == "dense_image_warp" and "images" in arguments:  # so the page calls them
        arguments = {"image" if key == "images" else key: arguments[key] for key in arguments}
    if "dtype" in arguments:
        arguments = arguments | {"dtype": tf.as_dtype(arguments["dtype"])}
    return {f"{case}/output": np.asarray(getattr(module, name)(**arguments))}


def _steps(name: str, arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the variables w and b before the first step and after each."""
    options = {key: value for key, value in arguments.items() if not key.startswith(("g", "p"))}
    optimizer = getattr(tfa.optimizers, name)(**options)
    variables = {name: tf.Variable(arguments[f"params_{name}"][0]) for name in "wb"}
    courses = {name: [variable.numpy()] for name, variable in variables.items()}
    for step in range(len(arguments["gradients_w"])):
        gradients = [tf.constant(arguments[f"gradients_{name}"][step]) for name in variables]
        optimizer.apply_gradients(zip(gradients, variables.values(), strict=True))
        for name, variable in variables.items():
            courses[name].append(variable.numpy())
    return {f"params_{name}": np.stack(course) for name, course in courses.items()}


def main(to: Path) -> None:
    """Writes both records anew."""
    to.mkdir(parents=True, exist_ok=True)
    for path in RECORDS:
        record = read(path)
        for case, arguments in cases(record):
            record.update(computed(case, arguments))
        np.savez_compressed(to / path.name, **record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    main(**vars(parser.parse_args()))
