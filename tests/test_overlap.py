"""Stages in threads: order, errors, early ends and bounded queues."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from lutgrade.overlap import Stage


def stage_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("lutgrade-")]


def test_items_come_in_order_through_two_stages() -> None:
    with Stage(range(100), depth=2) as first, Stage((x * x for x in first), depth=2) as second:
        assert list(second) == [x * x for x in range(100)]
    assert not stage_threads()


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    seen = []
    with Stage(source()) as stage, pytest.raises(ValueError, match="broken"):
        for item in stage:
            seen.append(item)
    assert seen == [1]


def test_leaving_early_stops_the_source_and_closes_it() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            n = 0
            while True:
                yield n
                n += 1
        finally:
            closed.set()

    with Stage(source(), depth=1) as first, Stage((x for x in first), depth=1) as second:
        assert next(iter(second)) == 0
    assert closed.wait(5)
    assert not stage_threads()


def test_the_source_is_never_more_than_the_depth_ahead() -> None:
    made = 0

    def source() -> Iterator[int]:
        nonlocal made
        while made < 50:
            made += 1
            yield made

    with Stage(source(), depth=3) as stage:
        for item in stage:
            time.sleep(0.001)
            assert made <= item + 3 + 1  # the queue, and one that waits to enter it
