"""Maps a function over items in threads, with results in order and bounded memory."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None
) -> Generator[Result, None, None]:
    """Yields `function(item)` in the order of the items, computed by `threads`, or one per core.

    At most two results per thread are waiting. Threads suffice, because decoders and encoders
    release the interpreter lock. An error is raised when its item is reached, and work that has not
    started is cancelled. (Python 3.14 has this as `Executor.map(..., buffersize=)`.)
    """
    threads = threads or min(os.cpu_count() or 1, 16)
    pool = ThreadPoolExecutor(threads)
    waiting: collections.deque[Future[Result]] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
