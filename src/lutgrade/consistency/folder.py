"""The folder of a match while it is written to: held by one match at a time, and left as it was by one refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.store import Store
from lutgrade.errors import InputError
from lutgrade.files import make_folder

LOCK = "lock"


@contextmanager
def opened(outputs: MatchOutputs) -> Iterator[Store]:
    """Makes the folder, keeps other matches out of it, and yields its store.

    A match that is refused before it has written anything takes away what was made for it.

    Raises:
        InputError: the folder cannot be made, or another match is writing into it.
    """
    store = Store.at(outputs.folder)
    made = [folder for folder in (store.folder, *store.folder.parents) if not folder.exists()]  # the deepest first
    make_folder(store.folder)
    with _alone(outputs.folder, store.folder / LOCK):
        try:
            yield store
        except InputError:
            if store.folder in made and not outputs.written_before():
                shutil.rmtree(store.folder)
                with suppress(OSError):  # somebody put something there meanwhile
                    for folder in made[1:]:
                        folder.rmdir()
            raise


@contextmanager
def _alone(folder: Path, path: Path) -> Iterator[None]:
    """Holds a lock that ends with this process, however it ends; without one where there are none to have."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read().strip() or "unknown"
            raise InputError(
                f"another match (process {process}) is writing into {folder}; wait for it, or give another --output-dir"
            ) from error
        except OSError:  # the disk has no such locks
            yield
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
