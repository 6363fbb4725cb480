"""Options and logs of the engines of Apache Beam."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

import pytest

from tfseg import beam

DASK = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([DASK], ["--dask_partition_size=1"]),
        ([DASK, "--dask_npartitions=3"], []),
        ([DASK, "--dask_partition_size=9"], []),
        (["--runner=DirectRunner"], []),
    ],
)
def test_dask_gives_each_item_to_a_free_worker_unless_asked_otherwise(given, added):
    assert beam._completed(given) == [*given, *added]


def test_warnings_of_engines_are_kept_from_the_person_and_errors_are_not(caplog):
    log = logging.getLogger("distributed.scheduler")
    with beam._without_logs():
        log.warning("a worker was lost")
        log.error("the scheduler was lost")
    log.warning("later")
    assert caplog.messages == ["the scheduler was lost", "later"]


# Warnings of Beam; the pipeline runs in this process.
@pytest.mark.filterwarnings("ignore")
def test_every_item_is_given_to_the_function(tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam, which is not installed")
    write = functools.partial(_write, tmp_path)
    beam.for_each(write, range(5), options=["--runner=DirectRunner"])
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3", "4"}


def _write(folder: Path, item: int) -> None:
    (folder / str(item)).touch()
