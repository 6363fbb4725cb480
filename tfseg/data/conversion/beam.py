"""Making the shards of a data set with Apache Beam, on one machine or many.

Beam only calls `write_part`. The conversion then treats the parts as those of a killed run, and
writes dataset.json itself. So the bytes are the same as without Beam.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tfseg import beam
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
    # Without the items of all parts, which would be sent to every worker.
    write = functools.partial(_write, contents=contents._replace(splits={}), folder=folder)
    beam.for_each(write, [(name, list(part)) for name, part in parts.items()], options=options)


def _write(part: tuple[str, list[Source]], *, contents: Contents, folder: DataPath) -> None:
    name, items = part
    write_part(contents, folder, name, map(contents.encode, items), destination=folder)
