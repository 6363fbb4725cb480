"""Work in threads: results in order, memory bounded, errors in their place."""

from __future__ import annotations

import threading
import time

import pytest

from tfseg.ordered_map import ordered


def test_results_come_in_the_order_of_the_items_whatever_each_takes():
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 / (number + 1))
        return number**2

    assert list(ordered(slow_at_first, range(30))) == [number**2 for number in range(30)]
    assert list(ordered(slow_at_first, [])) == []


def test_only_a_few_items_are_taken_ahead():
    taken = []
    results = ordered(lambda number: number, (taken.append(n) or n for n in range(1000)))
    next(results)
    assert len(taken) <= 32
    results.close()


def test_one_thread_works_one_item_ahead():
    taken, threads = [], set()

    def noted(number: int) -> int:
        threads.add(threading.get_ident())
        return number

    results = ordered(noted, (taken.append(n) or n for n in range(9)), threads=1)
    assert next(results) == 0
    assert taken == [0, 1]
    assert list(results) == list(range(1, 9))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_comes_after_the_results_before_it_and_ends_the_threads():
    before = threading.active_count()
    results = ordered(lambda number: 1 // (3 - number), range(100))
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before
