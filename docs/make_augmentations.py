"""Makes docs/augmentations.md with its pictures, and measures what each transform costs.

    python docs/make_augmentations.py

What a transform is called, does and takes is read from its class, so the page says what the code
says; tests/contracts/test_docs.py fails where it does not. It stands beside the page that it makes:
it is no example of a use, and a benchmark holds against others what this only lists.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import inspect
import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

import tfseg
from tfseg import augment, random
from tfseg.augment.chain import Example
from tfseg.augment.compose import Choice
from tfseg.data.files.images import read_image, read_label
from tfseg.data.pipeline.normalization import normalized
from tfseg.drawing.overlays import GAP
from tfseg.evaluation.previews import draw_outlines, draw_samples

HERE = Path(__file__).parent
OWN = HERE / "own_transform.md"  # the end of the page
PICTURES = "augmentations"
IMAGE, CORNER, SIDE = "a0325cb7aa59", (64, 150), 88  # of the sample `other`: colour, touching ids
DRAWS = 4
_WARM_UP = 4  # images of each turn that are not timed: a pipeline runs on without neighbours
PARTS = ({"name": "Rotate"}, {"name": "GaussianBlur"}, {"name": "ToGray"})
# What cannot be seen at its defaults, or has none, is shown with these.
SHOWN: dict[str, dict[str, Any]] = {
    "Affine": {"scale": (0.8, 1.25), "rotate": (-30.0, 30.0), "shear": (-20.0, 20.0)},
    "RandomScale": {"scale_limit": (-0.4, 0.4)},
    "ElasticTransform": {"alpha": 120.0, "sigma": 6.0},
    "OpticalDistortion": {"distort_limit": (-0.6, 0.6)},
    **dict.fromkeys(("CenterCrop", "RandomCrop"), {"height": 64, "width": 64}),
    "RandomResizedCrop": {"size": (SIDE, SIDE)},
    "PadIfNeeded": {"min_height": 112, "min_width": 112},
    "Resize": {"height": 64, "width": 104},
    "OneOf": {"transforms": PARTS},
    "SomeOf": {"transforms": PARTS, "n": (1, 2)},
}
# Parameters of the measurement, of those that have no defaults.
MEASURED: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("CenterCrop", "RandomCrop", "Resize"), {"height": 256, "width": 256}),
    "RandomResizedCrop": {"size": (512, 512)},
    "PadIfNeeded": {"min_height": 640, "min_width": 640},
    **dict.fromkeys(("OneOf", "SomeOf"), {"transforms": PARTS}),
}
GROUPS = {"Moves": augment.Geometric, "Changes of values": augment.Pixel, "Choices": Choice}
SEVERAL: dict[str, tuple[dict[str, Any], ...]] = {
    "No transform, only the change to float32": (),
    "The same once more": (),
    "Rotate, Perspective and ElasticTransform in one chain": tuple(
        {"name": name, "p": 1.0} for name in ("Rotate", "Perspective", "ElasticTransform")
    ),
    "The default policy of a RunConfig, with its own p": tfseg.RunConfig().augment,
}

HEAD = """# Augmentations

*Made by `python docs/make_augmentations.py`; change the classes, not this page.*

Every transform on a piece of an embedded image of nuclei, its ids drawn as outlines: first the
image as it is, then {draws} draws, or one where nothing is drawn. `p` is 1 in the pictures, and
ignored pixels are darker. Ranges are `(low, high)`, pairs are (y, x). `tfseg augment preview` draws
the same for your images and your policy, and `tfseg augment replay` what a training saw of one
sample.

A policy is a list of these, in Python `tfseg.augment.Rotate(limit=(-30.0, 30.0))` and in a
configuration file `{{name: Rotate, limit: [-30, 30]}}`. Their order is that in which the image
passes through them; all moves together are one coordinate field, read once.

## Cost

Milliseconds for one image of 512 x 512 x 3 (8 bits) with its ids, in `Dataset.map`, with defaults
and `p` = 1, each alone. It is processor time on one thread, which other work on the machine
disturbs less than the clock: median and quartiles of {rounds} rounds of {images} images, in another
order every round. The first two rows are the same, to show how far figures of one run can be off;
runs under another load differ by more. Here: {machine}.

| | ms | quartiles |
|---|---|---|
{rows}

With {measured}. CopyPaste acts after the chain, on a batch of floats; here of two images.
"""


def kinds() -> dict[str, type]:
    """Returns all transforms by name, those between two images too."""
    return {**augment.TRANSFORMS, "CopyPaste": augment.CopyPaste}


def summary(kind: type) -> str:
    """Returns what the docstring of a transform says before its parameters."""
    return re.split(r"\n(?:Args|Attributes|Source):", inspect.getdoc(kind))[0].strip()


def parameters(kind: type) -> list[tuple[str, str, str]]:
    """Returns name, default ("required" where there is none) and meaning of each parameter."""
    meanings = {"p": "probability in [0, 1]."}
    for each in reversed(kind.__mro__):
        meanings |= dict(_documented(each.__dict__.get("__doc__") or ""))
    return [
        (
            field.name,
            "required" if field.default is dataclasses.MISSING else f"`{field.default!r}`",
            meanings[field.name],
        )
        for field in sorted(dataclasses.fields(kind), key=lambda field: field.name == "p")
    ]


def _documented(text: str) -> Iterator[tuple[str, str]]:
    found = re.search(r"\n(?:Args|Attributes):\n(.*?)(?:\n\S|$)", inspect.cleandoc(text), re.DOTALL)
    for entry in re.split(r"\n    (?=\w)", f"\n{found[1]}")[1:] if found else ():
        name, meaning = entry.split(":", maxsplit=1)
        yield name, " ".join(meaning.split())


def section(name: str, kind: type) -> str:
    """Returns the part of the page on one transform."""
    own = SHOWN.get(name)
    shown = f"Shown with `{_written({'name': name, **own})}`.\n\n" if own else ""
    lines = [f"| `{key}` | {default} | {text} |" for key, default, text in parameters(kind)]
    table = "\n".join(["| parameter | default | |", "|---|---|---|", *lines])
    picture = f"![{name}]({PICTURES}/{name}.jpg)"
    return f"### {name}\n\n{summary(kind)}\n\n{picture}\n\n{shown}{table}\n"


def _written(spec: dict[str, Any]) -> str:
    """Returns a specification as Python."""
    arguments = ", ".join(f"{key}={_value(value)}" for key, value in spec.items() if key != "name")
    return f"{spec['name']}({arguments})"


def _value(value: Any) -> str:
    if isinstance(value, tuple) and isinstance(value[0], dict):
        return f"({', '.join(map(_written, value))})"
    return repr(value)


def page(costs: dict[str, tuple[float, float, float]], *, rounds: int, images: int) -> str:
    """Returns the whole page."""
    rows = "".join(
        f"| {name} | {median:.1f} | {low:.1f} to {high:.1f} |\n"
        for name, (median, low, high) in costs.items()
    )
    measured = ", ".join(f"`{_written({'name': name, **own})}`" for name, own in MEASURED.items())
    facts = {"draws": DRAWS, "rounds": rounds, "images": images, "machine": machine()}
    head = HEAD.format(**facts, rows=rows.rstrip(), measured=measured)
    parts = [head]
    for title, base in {**GROUPS, "Between two images": augment.CopyPaste}.items():
        parts.append(f"## {title}\n")
        parts += [section(*item) for item in kinds().items() if issubclass(item[1], base)]
    return "\n".join([*parts, OWN.read_text("utf-8")])


def machine() -> str:
    """Returns processor, versions and date in words."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = re.findall(r"model name\s*: (.*)", file.read()) or [platform.machine()]
    return (
        f"{models[0]}, Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"tfseg {tfseg.__version__}, {datetime.date.today().isoformat()}, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


def alone(name: str, **arguments: Any) -> augment.Chain:
    """Returns a transform that acts on every image."""
    return augment.Chain(augment.from_spec([{"name": name, "p": 1.0, **arguments}]))


def paired(one: Example) -> Example:
    """Returns a batch of an example and its mirror image."""
    return {name: tf.stack([value, tf.reverse(value, [1])]) for name, value in one.items()}


def pasted(batch: Example, seed: tf.Tensor) -> Example:
    """Returns a batch of two after CopyPaste."""
    return augment.CopyPaste(p=1.0)(batch, tf.stack([seed, seed]))


def shown(name: str) -> Callable[[Example, tf.Tensor], Example]:
    """Returns what makes a picture of one transform."""
    if name != "CopyPaste":
        return alone(name, **SHOWN.get(name, {}))
    return lambda one, seed: tf.nest.map_structure(lambda each: each[0], pasted(paired(one), seed))


def example() -> dict[str, tf.Tensor]:
    """Returns the image and the ids that are shown, floats in [0, 1] and int32."""
    folder = tfseg.sample.path() / "other"
    whole = {
        "image": tf.constant(read_image(folder / "images" / f"{IMAGE}.png")),
        "label": tf.constant(read_label(folder / "labels" / f"{IMAGE}.png")),
    }
    rows, columns = (slice(start, start + SIDE) for start in CORNER)
    return {name: value[rows, columns] for name, value in normalized(whole).items()}


def draw(name: str, path: Path) -> None:
    """Writes the row of pictures of one transform."""
    before, call = example(), shown(name)
    is_drawn = getattr(kinds()[name], "sample", None) is not augment.Transform.sample
    is_drawn |= issubclass(kinds()[name], Choice)
    count = DRAWS if is_drawn else 1
    pictures = [
        draw_outlines(before),
        *draw_samples(call, before, seed=random.root(2), count=count),
    ]
    height = max(map(len, pictures))
    pads = [[(0, height - len(each)), (0, GAP), (0, 0)] for each in pictures]
    padded = [np.pad(*each, constant_values=255) for each in zip(pictures, pads, strict=True)]
    row = np.concatenate(padded, axis=1)[:, :-GAP]
    # All rows were 1.6 MB as PNG, and 64 colours (0.4 MB) changed those of the ids; as JPEG without
    # subsampling, which would blur the outlines, they are 0.5 MB.
    Image.fromarray(row).save(path, quality=75, subsampling=0, optimize=True)


def measure(*, rounds: int, images: int) -> dict[str, tuple[float, float, float]]:
    """Returns the milliseconds of processor time an image takes: median and both quartiles."""
    seconds: dict[str, list[float]] = collections.defaultdict(list)
    streams, shuffled = _streams(), np.random.default_rng(0)
    for index in range(rounds + 1):
        # In one fixed order the same chain of nothing took from 0.9 to 1.9 ms at four places of it,
        # after what its neighbours left behind; in another one every round, 1.1 to 1.3 at three.
        for name in shuffled.permutation(list(streams)):
            stream, per_element = streams[name]
            for _ in range(_WARM_UP):
                next(stream)
            start = time.process_time()
            for _ in range(images):
                next(stream)
            if index:  # the first round compiles
                seconds[name].append((time.process_time() - start) / images / per_element)
    return {
        name: tuple(1e3 * share for share in np.percentile(seconds[name], (50, 25, 75)))
        for name in streams
    }


def _streams() -> dict[str, tuple[Iterator[Any], int]]:
    """Returns for each transform the endless results, and how many images are in one."""
    small = example()
    times = [math.ceil(512 / SIDE)] * 2
    large = {
        "image": tf.tile(small["image"], [*times, 1])[:512, :512],
        "label": tf.tile(small["label"], times)[:512, :512],
    }
    stored = large | {"image": tf.image.convert_image_dtype(large["image"], tf.uint8)}
    chains = {name: augment.Chain(augment.from_spec(spec)) for name, spec in SEVERAL.items()}
    chains |= {name: alone(name, **MEASURED.get(name, {})) for name in augment.TRANSFORMS}
    streams = {name: (_stream(stored, chain), 1) for name, chain in chains.items()}
    return streams | {"CopyPaste": (_stream(paired(large), pasted), 2)}


def _stream(before: Example, call: Callable[[Example, tf.Tensor], Example]) -> Iterator[Any]:
    # As elements, because TensorFlow would compute beforehand what depends on constants alone.
    elements = tf.data.Dataset.from_tensors(before).repeat().enumerate()
    apply = tf.autograph.experimental.do_not_convert(
        lambda index, one: call(one, random.fold_in(random.root(0), index))
    )
    return iter(elements.map(apply))


def main(*, rounds: int, images: int) -> None:
    """Writes the page and the pictures."""
    for setting in ("inter_op", "intra_op"):
        getattr(tf.config.threading, f"set_{setting}_parallelism_threads")(1)
    (HERE / PICTURES).mkdir(exist_ok=True)
    for name in kinds():
        draw(name, HERE / PICTURES / f"{name}.jpg")
    costs = measure(rounds=rounds, images=images)
    (HERE / "augmentations.md").write_text(page(costs, rounds=rounds, images=images), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25, help="timed turns of each transform")
    parser.add_argument("--images", type=int, default=10, help="images a turn")
    main(**vars(parser.parse_args()))
