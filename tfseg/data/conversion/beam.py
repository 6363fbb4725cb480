"""Making the shards of a data set with Apache Beam, on one machine or many.

Beam only calls `write_shard`. The conversion then treats the shards as those of a killed run, and
writes dataset.json itself. So the bytes are the same as without Beam.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tfseg import tf_errors
from tfseg.checks import InputError
from tfseg.data.conversion.writer import Contents, Parts, Source, write_shard
from tfseg.data.files.paths import DataPath


def write_shards(
    contents: Contents, folder: DataPath, parts: Parts, *, options: Sequence[str]
) -> None:
    """Writes shards with a pipeline.

    Args:
        contents: contents of the data set.
        folder: folder of the shards.
        parts: the sources of the samples of each shard, by its name.
        options: options of the pipeline, such as "--runner=DirectRunner".

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
    # Without the items of all shards, which would be sent to every worker.
    write = functools.partial(_write, contents=contents._replace(splits={}), folder=folder)
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            shards = pipeline | beam.Create([(name, list(part)) for name, part in parts.items()])
            _ = shards | beam.Reshuffle() | "write" >> beam.Map(write)
    except Exception as error:
        if message := tf_errors.input_error(f"{type(error).__name__}: {error}"):
            raise InputError(message) from error
        raise


def _write(shard: tuple[str, list[Source]], *, contents: Contents, folder: DataPath) -> None:
    name, items = shard
    write_shard(contents, folder / name, map(contents.encode, items), destination=folder)
