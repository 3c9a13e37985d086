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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lutgrade.consistency.workers import BASE_BYTES, Done, cores, how_many, start_early, workers
from lutgrade.errors import InputError, LutgradeError

HD = (1920, 1080)
SLEEPS = """
import os, pathlib, time

def sleep(told):
    pathlib.Path(told).write_text(str(os.getpid()))
    time.sleep(600)
"""
SCRIPT = """
import signal, sys
from sleeps import sleep
from lutgrade.consistency.workers import workers

print("begun", flush=True)
signal.signal(signal.SIGTERM, signal.default_int_handler)
with workers(2) as pool:
    assert {done.result for _, done in pool.run(abs, [(-1,), (-2,)])} == {1, 2}
    list(pool.run(sleep, [(sys.argv[1],)]))
"""


@contextmanager
def sleeping(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A script whose worker sleeps, and the worker's number."""
    script, told = folder / "script.py", folder / "told"
    script.write_text(SCRIPT)
    (folder / "sleeps.py").write_text(SLEEPS)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, str(script), str(told)], start_new_session=True, **pipes) as process:
        try:
            assert within(120, lambda: told.exists() and told.read_text() != "")
            yield process, int(told.read_text())
        finally:
            process.kill()


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
    with sleeping(tmp_path) as (process, worker):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert within(60, lambda: not alive(worker))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("whole_group", [False, True])
def test_an_interrupt_waits_for_no_clip(tmp_path: Path, whole_group: bool) -> None:
    """SIGTERM to the match alone, or Ctrl-C, which a terminal sends to its processes as well."""
    with sleeping(tmp_path) as (process, worker):
        if whole_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert errors.count("Traceback") == 1  # that of the script
        assert "KeyboardInterrupt" in errors
        assert said == "begun\n"  # workers do not run it again
        assert not alive(worker)


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
