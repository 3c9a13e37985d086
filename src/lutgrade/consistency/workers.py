"""Clips in processes of their own: as many as the cores and the memory allow, each with its share of threads."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any

from lutgrade.errors import LutgradeError
from lutgrade.process import keep_freed_memory, quiet_threads

BASE_BYTES = 500 << 20  # of a process: Python, torch, FFmpeg
BYTES_PER_PIXEL = 300  # frames in flight between the stages, and those that an encoder looks ahead at
LOADED = "lutgrade.consistency.loaded"


@dataclass
class Done:
    """How a task ended: its result, or the error that it failed with; what it warned of; its seconds of CPU."""

    result: Any = None
    error: LutgradeError | None = None
    notes: list[str] = field(default_factory=list)
    cpu: float = 0.0


class Workers:
    """Runs tasks; made by `workers`.

    Attributes:
        count: of processes.
        cpu: seconds of CPU that tasks took in other processes than this one.
    """

    def __init__(self, make: Callable[[], ProcessPoolExecutor] | None, count: int) -> None:
        """`make` gives the processes; without them, tasks run in this process."""
        self._make = make
        self._pool = None if make is None else make()
        self.count = count
        self.cpu = 0.0

    def run(self, task: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Done]]:
        """Each job's index and how it ended, as they end; one that fails does not stop the others."""
        if self._pool is None:
            for index, job in enumerate(jobs):
                yield index, _guarded(task, job)
            return
        futures: dict[Future[Done], int] = {}
        lost: list[int] = []
        for index, job in enumerate(jobs):
            try:
                futures[_submit(self._pool, _guarded, task, job)] = index
            except BrokenProcessPool:
                lost.append(index)
        for future in as_completed(futures):
            try:
                done = future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
            else:
                self.cpu += done.cpu
                yield futures[future], done
        for index in lost:  # a process that dies takes the others with it: one by one it shows whose it was
            yield index, self._alone(task, jobs[index])

    def close(self) -> None:
        """Ends the processes when they are done with what they are at; what has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def stop(self) -> None:
        """Ends the processes at once; what they were writing stays behind under its temporary name."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self.close()

    def _alone(self, task: Callable[..., Any], job: tuple[Any, ...]) -> Done:
        assert self._make is not None
        self.close()
        self._pool = self._make()
        try:
            return _submit(self._pool, _guarded, task, job).result()
        except BrokenProcessPool:
            self._pool = self._make()
            return Done(error=LutgradeError("its process died, perhaps for want of memory"))


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """`count` processes, which share nothing with this one and start at once; 1 is this process itself."""
    if count == 1:
        yield Workers(None, 1)
        return
    threads = max(1, cores() // count)
    context = _context()

    def started() -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_settle, initargs=(threads,))
        for _ in range(count):  # it makes its processes when there is something to do
            _submit(pool, os.getpid)
        return pool

    made = Workers(started, count)
    try:
        yield made
    except BaseException:  # an interrupt, or nothing that is still to come is wanted
        made.stop()
        raise
    made.close()


def how_many(sizes: Sequence[tuple[int, int]], asked: int | None, memory: float | None) -> int:
    """The processes for clips of these widths and heights.

    Args:
        sizes: of the clips.
        asked: at most so many; None is the number of cores.
        memory: GB for all together; None is half of what is free.
    """
    available = memory * 1e9 if memory is not None else free_memory() / 2
    largest = max((width * height for width, height in sizes), default=0)
    each = BASE_BYTES + BYTES_PER_PIXEL * largest
    return max(1, min(len(sizes), asked or cores(), int(available // each)))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> float:
    """Bytes that can be taken without swapping; where the system does not say, 4 GB."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 4e9


def start_early(clips: int, asked: int | None) -> None:
    """Has what workers need loaded in the background, before torch is in this process, where there will be workers.

    Args:
        clips: how many there are.
        asked: the processes asked for.
    """
    if min(clips, asked or cores()) > 1 and _context().get_start_method() == "forkserver":
        multiprocessing.forkserver.ensure_running()


def _context() -> BaseContext:
    """How processes start: as copies of one that has loaded the code and does nothing; anew where there is none."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LOADED])
    return context


def _submit(pool: ProcessPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Submits work; a process that starts for it does not run the script again that this process runs.

    It needs nothing of that, and a script whose work is not under `if __name__ == "__main__":` would do it once more.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        return pool.submit(work, *arguments)
    finally:
        sys.modules["__main__"] = main


def _settle(threads: int) -> None:
    quiet_threads()  # where the process was not copied from one that did so
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells all processes; the first of them ends the others
    import torch

    torch.set_num_threads(threads)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Nobody waits for a worker whose parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _guarded(task: Callable[..., Any], job: tuple[Any, ...]) -> Done:
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            done = Done(task(*job))
        except LutgradeError as error:
            done = Done(error=error)
        except (OSError, RuntimeError, MemoryError) as error:
            done = Done(error=LutgradeError(f"{type(error).__name__}: {' '.join(str(error).split())}"))
    done.notes = sorted({" ".join(str(warning.message).split()) for warning in caught if _for_users(warning)})
    done.cpu = time.process_time() - start
    return done


def _for_users(warning: warnings.WarningMessage) -> bool:
    return not issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning)
