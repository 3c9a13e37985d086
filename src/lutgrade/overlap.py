"""Stages of a pipeline in threads of their own: decoding, grading and encoding overlap, in bounded memory."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


class Stage(Generic[T]):
    """Iterates `source` in a thread, at most `depth` items ahead of the consumer.

    An exception in the source is raised again in the consumer, after the items before it. Closing the stage (or
    leaving its `with` block early) stops the thread at its next item and joins it.

    Attributes:
        busy: seconds spent inside the source itself, waiting for the consumer not counted. A source that consumes
            another stage counts its waiting for that one; see `waited`.
        waited: seconds the consumer spent waiting for this stage.
    """

    def __init__(self, source: Iterable[T], *, depth: int = 4, name: str = "stage") -> None:
        self.busy = 0.0
        self.waited = 0.0
        self._source = source
        self._queue: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"lutgrade-{name}", daemon=True)

    def __enter__(self) -> Stage[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the thread; items already made are dropped."""
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.02)  # makes room for a thread that waits to put
            except queue.Empty:
                continue
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            start = time.perf_counter()
            item = self._queue.get()
            self.waited += time.perf_counter() - start
            if item is _END:
                break
            yield item  # type: ignore[misc]
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        iterator = iter(self._source)
        try:
            while not self._stopped.is_set():
                start = time.perf_counter()
                item = next(iterator, _END)
                self.busy += time.perf_counter() - start
                if item is _END:
                    break
                self._put(item)
        except BaseException as error:  # carried over to the consumer, KeyboardInterrupt as well
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            self._put(_END)

    def _put(self, item: object) -> None:
        while not self._stopped.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
