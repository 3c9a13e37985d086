"""What a pipeline tells of how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """Opens a step of so many frames (None where unknown) and gives the function that counts one."""

    def __call__(self, step: str, total: int | None) -> AbstractContextManager[Callable[[], None]]: ...


def silent(step: str, total: int | None) -> AbstractContextManager[Callable[[], None]]:
    """Says nothing."""
    return nullcontext(lambda: None)


@contextmanager
def bar(step: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(step, total=total)
        yield lambda: progress.advance(task)
