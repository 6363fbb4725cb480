"""Making the shards of a data set with Apache Beam, on one machine or many.

Beam only calls `write_part`. The conversion then treats the parts as those of a killed run, and
writes dataset.json itself. So the bytes are the same as without Beam.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tfseg import tf_errors
from tfseg.checks import InputError
from tfseg.data.conversion.writer import Contents, Parts, Source, write_part
from tfseg.data.files.paths import DataPath


def write_parts(
    contents: Contents, folder: DataPath, parts: Parts, *, options: Sequence[str]
) -> None:
    """Writes parts with a pipeline.

    Args:
        contents: contents of the data set.
        folder: folder of the shards.
        parts: the sources of the samples of each part, by the name of its first shard.
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
    # Without the items of all parts, which would be sent to every worker.
    write = functools.partial(_write, contents=contents._replace(splits={}), folder=folder)
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            sources = pipeline | beam.Create([(name, list(part)) for name, part in parts.items()])
            _ = sources | beam.Reshuffle() | "write" >> beam.Map(write)
    except Exception as error:
        if message := tf_errors.input_error(f"{type(error).__name__}: {error}"):
            raise InputError(message) from error
        raise


def _write(part: tuple[str, list[Source]], *, contents: Contents, folder: DataPath) -> None:
    name, items = part
    write_part(contents, folder, name, map(contents.encode, items), destination=folder)
