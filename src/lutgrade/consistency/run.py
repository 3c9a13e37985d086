"""A match on its way: its inputs, its workers, what was done before, and what went wrong so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lutgrade.consistency.encoding import Encoding
from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.plan import Clip, MatchOptions
from lutgrade.consistency.store import Store, identity
from lutgrade.consistency.workers import Done, Workers
from lutgrade.errors import LutgradeError
from lutgrade.progress import Progress


@dataclass
class Run:
    """Clips are named by their index throughout.

    Attributes:
        encoding: of all clips.
        failed: clips that could not be read or written, and why.
        notes: of each clip, what a user should know.
        seconds: the wall time of each step.
        versions: of the clips' files, as they were at first.
    """

    clips: list[Clip]
    outputs: MatchOutputs
    options: MatchOptions
    encoding: Encoding
    progress: Progress
    store: Store
    workers: Workers
    failed: dict[int, LutgradeError] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    versions: list[object] = field(init=False)

    def __post_init__(self) -> None:
        self.versions = [identity(clip.path) for clip in self.clips]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Adds the wall time of the block to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def note(self, clip: int, notes: Iterable[str]) -> None:
        """Adds what is not noted of a clip already; without the path of it or of its output at the start."""
        known = self.notes.setdefault(clip, [])
        for note in notes:
            text = note.removeprefix(f"{self.clips[clip].path}: ").removeprefix(f"{self.outputs.path(clip)}: ")
            if text not in known:
                known.append(text)

    def of_clips(
        self, step: str, task: Callable[..., Any], jobs: Mapping[int, tuple[Any, ...]]
    ) -> Iterator[tuple[int, Done]]:
        """Runs a job for each of some clips, in parallel; gives how those that succeed ended, as they come."""
        if not jobs:
            return
        clips = list(jobs)
        with self.progress(step, len(jobs)) as advance:
            for position, done in self.workers.run(task, list(jobs.values())):
                clip = clips[position]
                error = done.error or self._changed(clip)
                if error is None:
                    yield clip, done
                else:
                    self.failed[clip] = error
                advance()

    def _changed(self, clip: int) -> LutgradeError | None:
        """What is wrong where a clip is no longer what it was when the match began."""
        path = self.clips[clip].path
        if identity(path) == self.versions[clip]:
            return None
        return LutgradeError(f"{path}: the file changed while it was matched; match again when it is whole")
