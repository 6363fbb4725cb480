"""Running a function for many items with Apache Beam, on one machine or many.

What the function returns is not sent back: it leaves its results in files that all machines see. So
every engine of Beam will do, and a run that was killed resumes from these files.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from tfseg import tf_errors
from tfseg.checks import InputError

Item = TypeVar("Item")
# In the folder of the results: what workers leave until all are done. It is removed then, so no
# folder of a user should have this name.
FOLDER = "beam_parts"
# Dask's runner otherwise gives 128 items to one worker, however many there are.
_ONE_ITEM_A_TASK = "--dask_partition_size=1"


def for_each(
    function: Callable[[Item], object], items: Iterable[Item], *, options: Sequence[str]
) -> None:
    """Calls a function with each item, each at least once: again after a worker was lost.

    Args:
        function: what pickle can send to another machine.
        items: what pickle can send, too.
        options: options of the pipeline, such as "--runner=FlinkRunner".

    Raises:
        InputError: Apache Beam is not installed, or the function raised it.
    """
    with _without_logs():
        try:
            import apache_beam as beam
            from apache_beam.options.pipeline_options import PipelineOptions
        except ImportError as error:
            raise InputError(
                f"Apache Beam cannot be imported ({error}). Install it: pip install 'tfseg[beam]'."
            ) from error
        pipeline = beam.Pipeline(options=PipelineOptions(_completed(options)))
        try:
            with _closing_client(pipeline), pipeline:
                created = pipeline | beam.Create(list(items))
                _ = created | beam.Reshuffle() | "work" >> beam.Map(function)
        except Exception as error:
            if message := tf_errors.input_error(f"{type(error).__name__}: {error}"):
                raise InputError(message) from error
            raise


def _completed(options: Sequence[str]) -> list[str]:
    has_parts = any(option.startswith(("--dask_npart", "--dask_part")) for option in options)
    is_dask = any("DaskRunner" in option for option in options)
    return [*options, *([_ONE_ITEM_A_TASK] if is_dask and not has_parts else [])]


@contextlib.contextmanager
def _closing_client(pipeline: object) -> Iterator[None]:
    """Closes Dask's client at the end, with the workers that it started, which Beam leaves open."""
    try:
        yield
    finally:
        client = getattr(getattr(pipeline, "result", None), "client", None)
        if client is not None:
            client.close()


@contextlib.contextmanager
def _without_logs() -> Iterator[None]:
    """Keeps what engines log from the person: hundreds of lines about their ports and workers.

    Errors are left. A lost worker is a warning: its items are given to another one.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
