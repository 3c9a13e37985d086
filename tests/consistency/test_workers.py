"""Work in processes: bounded by cores and memory, and no failure stops the rest."""

from __future__ import annotations

import multiprocessing.forkserver
import operator
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from lutgrade.consistency.workers import BASE_BYTES, Done, cores, how_many, start_early, workers
from lutgrade.errors import InputError, LutgradeError

HD = (1920, 1080)
SLEEPS = """
import os, pathlib, sys, time
from lutgrade.consistency.workers import workers

def sleep(told):
    pathlib.Path(told).write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    with workers(2) as pool:
        list(pool.run(sleep, [(sys.argv[1],)]))
"""


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


def test_nothing_is_started_where_there_will_be_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(multiprocessing.forkserver, "ensure_running", lambda: started.append(True))
    monkeypatch.setattr("lutgrade.consistency.workers.cores", lambda: 2)
    for clips, asked in ((1, None), (5, 1), (1, 2)):
        start_early(clips, asked)
    assert not started
    start_early(5, None)
    assert bool(started) == ("forkserver" in multiprocessing.get_all_start_methods())


@pytest.mark.slow
def test_the_cpu_time_of_workers_is_counted() -> None:
    with workers(2) as pool:
        assert all(done.error is None for _, done in pool.run(sum, [(range(20_000_000),)]))
    assert pool.cpu > 0.05


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_workers_end_with_a_match_that_is_killed(tmp_path: Path) -> None:
    script, told = tmp_path / "script.py", tmp_path / "told"
    script.write_text(SLEEPS)
    process = subprocess.Popen([sys.executable, str(script), str(told)])
    assert within(120, lambda: told.exists() and told.read_text() != "")
    worker = int(told.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert within(60, lambda: not alive(worker))


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happens()


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
