"""Making the shards of a data set with Apache Beam, on one machine or many.

A conversion finds the shards that Beam has made as it finds those of a run that was killed, and
writes dataset.json alone. So Beam needs no more than to call `write_shard`, and the bytes are those
of a conversion without it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from tfseg.checks import InputError
from tfseg.data.conversion.writer import Contents, Parts, Source, write_shard
from tfseg.data.files.paths import Place

# Runners add the step to what a worker raises, and may raise it as a text in an error of theirs.
_REFUSED = re.compile(r"InputError: (.*?)(?: \[while running|\\n|$)", re.MULTILINE)


def write_shards(
    contents: Contents, folder: Place, parts: Parts, *, options: Sequence[str]
) -> None:
    """Makes shards with a pipeline.

    Args:
        contents: what `parts` belong to.
        folder: of the shards.
        parts: what each shard is made of, by its name.
        options: of the pipeline, such as "--runner=DirectRunner".

    Raises:
        InputError: Apache Beam is not installed, or an image cannot be used.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(
            f"Apache Beam cannot be imported ({error}). Install it: pip install 'tfseg[beam]'."
        ) from error
    # Without the items of all other shards, which would be sent to every worker.
    own = contents._replace(splits={})
    write = functools.partial(_write, contents=own, folder=folder)
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            shards = pipeline | beam.Create([(name, list(part)) for name, part in parts.items()])
            _ = shards | beam.Reshuffle() | "write" >> beam.Map(write)
    except Exception as error:
        if found := _REFUSED.search(f"{type(error).__name__}: {error}"):
            raise InputError(found[1]) from error
        raise


def _write(shard: tuple[str, list[Source]], *, contents: Contents, folder: Place) -> None:
    name, items = shard
    write_shard(contents, folder / name, map(contents.encode, items), destination=folder)
