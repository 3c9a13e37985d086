"""Work in processes: bounded by cores and memory, and no failure stops the rest."""

from __future__ import annotations

import operator
import os
import warnings

import pytest

from lutgrade.consistency.workers import BASE_BYTES, Done, cores, how_many, workers
from lutgrade.errors import InputError, LutgradeError

HD = (1920, 1080)


def work(value: int) -> int:
    if value == 1:
        raise InputError("bad clip")
    if value == 2:
        raise OSError("disk gone")
    warnings.warn(f"note {value}", stacklevel=2)
    return value * 10


def check(done: dict[int, Done]) -> None:
    assert [done[0].result, done[3].result] == [0, 30]
    assert isinstance(done[1].error, InputError)
    assert "disk gone" in str(done[2].error)
    assert isinstance(done[2].error, LutgradeError)
    assert done[3].notes == ["note 3"]


def test_failures_and_warnings_come_back_with_their_job() -> None:
    with workers(1) as pool:
        check(dict(pool.run(work, [(value,) for value in range(4)])))


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_clip_with_it() -> None:
    with workers(2) as pool:
        first = dict(pool.run(operator.call, [(abs, -1), (os._exit, 9), (abs, -2)]))
        again = dict(pool.run(abs, [(-5,)]))
    assert [first[0].result, first[2].result, again[0].result] == [1, 2, 5]
    assert "died" in str(first[1].error)


def test_the_number_of_processes_is_bounded() -> None:
    assert how_many([HD] * 8, 3, 1000) == 3
    assert how_many([HD] * 2, 16, 1000) == 2
    assert how_many([HD] * 8, 16, (2.5 * BASE_BYTES + 2.5 * 300 * 1920 * 1080) / 1e9) == 2
    assert how_many([HD] * 8, None, 0.001) == 1
    assert how_many([HD] * 999, None, 1e6) == cores()
    assert how_many([], None, None) == 1


def test_an_interrupt_is_not_a_failure() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with workers(1) as pool, pytest.raises(KeyboardInterrupt):
        list(pool.run(interrupt, [()]))
