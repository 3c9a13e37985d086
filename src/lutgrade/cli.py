"""The `lutgrade` command."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from typing import Annotated, NoReturn

import typer

import lutgrade
from lutgrade.commands import apply, grade, lut, match, models, retouch
from lutgrade.errors import InputError, LutgradeError
from lutgrade.process import keep_freed_memory, leave, quiet_threads

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"lutgrade {lutgrade.__version__}")
        raise typer.Exit


@app.callback()
def lutgrade_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Learned LUT grading of video. Errors are one line; --verbose anywhere shows where they came from."""


app.command("grade")(grade.grade)
app.command("apply")(apply.apply)
app.command("retouch")(retouch.retouch)
app.command("match")(match.match)
app.add_typer(lut.app, name="lut")
app.command("models")(models.models)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # click's; some versions of typer carry it
INTERRUPTED = 130  # what a shell reports after Ctrl-C


def main() -> NoReturn:
    """The entry point: exits with 0, with 2 for bad input, with 1 for a failed run."""
    settle_process()
    leave(run(sys.argv[1:]))


def settle_process() -> None:
    """Settings of the whole process that a command which owns it may make."""
    quiet_threads()
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder prints errors alone, not its settings
    for name in ("SIGTERM", "SIGHUP"):  # a job stopped, a terminal closed: nothing half-written either
        stop = getattr(signal, name, None)
        if stop is not None and signal.getsignal(stop) is not signal.SIG_IGN:  # as under nohup
            signal.signal(stop, signal.default_int_handler)
    keep_freed_memory()


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
