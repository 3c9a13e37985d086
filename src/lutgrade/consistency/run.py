"""A match on its way: its inputs, its workers, what was done before, and what went wrong so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.plan import Clip, MatchOptions
from lutgrade.consistency.store import Store
from lutgrade.consistency.workers import Workers
from lutgrade.errors import LutgradeError
from lutgrade.progress import Progress


@dataclass
class Run:
    """Clips are named by their index throughout.

    Attributes:
        failed: clips that could not be read or written, and why.
        notes: of each clip, what a user should know.
        seconds: the wall time of each step.
    """

    clips: list[Clip]
    outputs: MatchOutputs
    options: MatchOptions
    progress: Progress
    store: Store
    workers: Workers
    failed: dict[int, LutgradeError] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Adds the wall time of the block to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def of_clips(
        self, step: str, task: Callable[..., Any], jobs: Mapping[int, tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Runs a job for each of some clips, in parallel; gives the results of those that succeed, as they come."""
        if not jobs:
            return
        clips = list(jobs)
        with self.progress(step, len(jobs)) as advance:
            for position, done in self.workers.run(task, list(jobs.values())):
                clip = clips[position]
                known = self.notes.setdefault(clip, [])
                known += [note for note in done.notes if note not in known]
                if done.error is None:
                    yield clip, done.result
                else:
                    self.failed[clip] = done.error
                advance()
