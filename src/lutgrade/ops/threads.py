"""Splits a loop over the threads that torch was given, without an OpenMP runtime beside torch's own.

The C kernels release the GIL, so a pool of Python threads is enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

_pool: ThreadPoolExecutor | None = None


def parallel_for(function: Callable[[int, int], None], total: int, *, grain: int) -> None:
    """Calls `function(begin, end)` on ranges that cover `range(total)`, on up to `torch.get_num_threads()` threads.

    The caller's thread does its share, and does all of it where `total` is no more than `grain`. Which ranges there
    are depends on the number of threads, so the result must not depend on where they are cut.
    """
    threads = min(torch.get_num_threads(), -(-total // grain))
    if threads <= 1:
        function(0, total)
        return
    step = max(grain, -(-total // (4 * threads)))  # a few ranges each: a thread that is held up does fewer
    begins = iter(range(0, total, step))

    def work(begins: Iterator[int]) -> None:
        for begin in begins:  # the threads share the iterator
            function(begin, min(begin + step, total))

    helpers: list[Future[None]] = []
    try:
        helpers += [_executor().submit(work, begins) for _ in range(threads - 1)]
        work(begins)
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="lutgrade")
    return _pool


def _forget_pool() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)  # threads do not survive a fork
