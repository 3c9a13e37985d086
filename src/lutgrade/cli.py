"""The `lutgrade` command."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import traceback
import warnings

import typer

from lutgrade.commands import apply, grade, lut, match, models, retouch
from lutgrade.errors import InputError, LutgradeError
from lutgrade.process import quiet_threads

app = typer.Typer(
    help="Learned LUT grading of video. Errors are one line; --verbose anywhere shows where they came from.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("grade")(grade.grade)
app.command("apply")(apply.apply)
app.command("retouch")(retouch.retouch)
app.command("match")(match.match)
app.add_typer(lut.app, name="lut")
app.command("models")(models.models)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's; some versions of typer carry it
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, LARGE_BUFFER = -1, -3, 32 << 20  # of glibc; the most that it takes, bytes
INTERRUPTED = 130  # what a shell reports after Ctrl-C


def main() -> None:
    """The entry point: exits with 0, with 2 for bad input, with 1 for a failed run."""
    settle_process()
    sys.exit(run(sys.argv[1:]))


def settle_process() -> None:
    """Settings of the whole process that a command which owns it may make."""
    quiet_threads()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a job leaves nothing half-written either
    if sys.platform == "linux":
        # Frames are freed and made again all the time; kept in the heap, their pages need no faulting in anew.
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
                mallopt(option, LARGE_BUFFER)


def run(arguments: list[str]) -> int:
    """Runs the command with `arguments` and returns its exit code."""
    arguments = arguments or ["--help"]
    verbose = "--verbose" in arguments
    warnings.showwarning = _Notes()
    try:
        result = app([argument for argument in arguments if argument != "--verbose"], standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except (UsageError, LutgradeError) as error:
        if verbose:
            traceback.print_exc()
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        print(f"lutgrade: {' '.join(message.split())}", file=sys.stderr)
        code = 1 if isinstance(error, LutgradeError) and not isinstance(error, InputError) else 2
    if code == INTERRUPTED:  # typer itself makes this code of Ctrl-C
        print("lutgrade: interrupted; nothing half-written is left", file=sys.stderr)
    return code


class _Notes:
    """Prints a warning as a line, each once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in self._said:
            print(f"lutgrade: note: {line}", file=sys.stderr)
        self._said.add(line)
