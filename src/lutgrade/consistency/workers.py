"""Clips in processes of their own: as many as the cores and the memory allow, each with its share of threads."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lutgrade.errors import LutgradeError

BASE_BYTES = 500 << 20  # of a process: Python, torch, FFmpeg
BYTES_PER_PIXEL = 300  # frames in flight between the stages, and those that an encoder looks ahead at


@dataclass
class Done:
    """How a task ended: its result, or the error that it failed with; and what it warned of."""

    result: Any = None
    error: LutgradeError | None = None
    notes: list[str] = field(default_factory=list)


class Workers:
    """Runs tasks; made by `workers`."""

    def __init__(self, make: Callable[[], ProcessPoolExecutor] | None, count: int) -> None:
        """`make` gives the processes; without them, tasks run in this process."""
        self._make = make
        self._pool = None if make is None else make()
        self.count = count

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
                futures[self._pool.submit(_guarded, task, job)] = index
            except BrokenProcessPool:
                lost.append(index)
        for future in as_completed(futures):
            try:
                done = future.result()
            except BrokenProcessPool:
                lost.append(futures[future])
            else:
                yield futures[future], done
        for index in lost:  # a process that dies takes the others with it: one by one it shows whose it was
            yield index, self._alone(task, jobs[index])

    def close(self) -> None:
        """Ends the processes; what has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _alone(self, task: Callable[..., Any], job: tuple[Any, ...]) -> Done:
        assert self._make is not None
        self.close()
        self._pool = self._make()
        try:
            return self._pool.submit(_guarded, task, job).result()
        except BrokenProcessPool:
            self._pool = self._make()
            return Done(error=LutgradeError("its process died, perhaps for want of memory"))


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """`count` processes, started anew (not forked); 1 is this process itself."""
    if count == 1:
        yield Workers(None, 1)
        return
    threads = max(1, cores() // count)
    context = multiprocessing.get_context("spawn")
    made = Workers(
        lambda: ProcessPoolExecutor(count, mp_context=context, initializer=_settle, initargs=(threads,)), count
    )
    try:
        yield made
    finally:
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


def _settle(threads: int) -> None:
    torch.set_num_threads(threads)


def _guarded(task: Callable[..., Any], job: tuple[Any, ...]) -> Done:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            done = Done(task(*job))
        except LutgradeError as error:
            done = Done(error=error)
        except (OSError, RuntimeError, MemoryError) as error:
            done = Done(error=LutgradeError(f"{type(error).__name__}: {' '.join(str(error).split())}"))
    done.notes = sorted({" ".join(str(warning.message).split()) for warning in caught if _for_users(warning)})
    return done


def _for_users(warning: warnings.WarningMessage) -> bool:
    return not issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning)
