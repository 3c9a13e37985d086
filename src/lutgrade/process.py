"""What a program that owns its process does with it: threads settled before torch is loaded, errors in one line."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from lutgrade.errors import InputError, LutgradeError

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _LARGE_BUFFER = -1, -3, 32 << 20  # of glibc; the most that it takes, bytes


def quiet_threads() -> None:
    """Lets idle OpenMP threads sleep: spinning, they take the cores from decoder, encoder and data loader.

    The runtime reads it when torch is loaded; a value that is there already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def one_thread() -> Iterator[None]:
    """Has torch compute in the calling thread alone for a while: for little work in a process that is somebody else's.

    There `quiet_threads` comes too late, or is not for us to say, and threads that wait for more take more than they
    give.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Lets the heap keep what is freed: frames are freed and made again all the time, and need no faulting in anew."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
                mallopt(option, _LARGE_BUFFER)


@contextmanager
def loading() -> Iterator[None]:
    """Around imports of large libraries: what they make stays, and the collector need not look through it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def one_line() -> Iterator[None]:
    """Turns the project's errors into one line and an exit: with 2 for bad input, with 1 for a failed run.

    Within a Hydra main, since Hydra itself prints more of an error that reaches it.
    """
    try:
        yield
    except LutgradeError as error:
        say(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code, without taking apart what it has loaded, which takes torch half a second.

    What asked to be called at the end is called, and what was printed is written.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.flush()
    os._exit(code)


def say(message: str) -> None:
    """Prints a message to the standard error in one line, after the script's name and the rank of all but process 0."""
    rank = os.environ.get("RANK", "0")
    process = f"process {rank}: " if rank != "0" else ""
    print(f"{Path(sys.argv[0]).name}: {process}{' '.join(message.split())}", file=sys.stderr)
