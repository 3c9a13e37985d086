"""The folder of a match while it is written to: held by one match at a time, and left as it was by one refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.consistency.store import Store
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import is_folder, make_folder

LOCK = "lock"


@contextmanager
def opened(outputs: MatchOutputs) -> Iterator[Store]:
    """Makes the folder, keeps other matches out of it, and yields its store.

    A match that is refused before it has written anything takes away what was made for it. What processes that were
    killed left half-written goes, that of earlier matches at the start, that of this one at the end.

    Raises:
        InputError: the folder cannot be made, or another match is writing into it.
        LutgradeError: somebody removed it meanwhile.
    """
    store = Store.at(outputs.folder)
    folders = (store.folder, *store.folder.parents)  # the deepest first
    made = [folder for folder in folders if not os.path.lexists(folder)]
    make_folder(store.folder)
    with _alone(outputs.folder, store.folder / LOCK) as alone:
        if alone:
            outputs.remove_half_written()
        try:
            yield store
        except InputError as error:
            if not is_folder(outputs.folder):
                raise LutgradeError(f"{outputs.folder} was removed while clips were written into it") from error
            if store.folder in made and not outputs.written_before():
                shutil.rmtree(store.folder, ignore_errors=True)
                with suppress(OSError):  # somebody put something there meanwhile
                    for folder in made[1:]:
                        folder.rmdir()
            raise
        finally:
            if alone:
                outputs.remove_half_written()


@contextmanager
def _alone(folder: Path, path: Path) -> Iterator[bool]:
    """Holds a lock that ends with this process, however it ends; yields whether there are locks to have."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    try:
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read().decode(errors="replace").strip() or "unknown"
            raise InputError(
                f"another match (process {process}) is writing into {folder}; wait for it, or give another --output-dir"
            ) from error
        except OSError:  # the disk has no such locks
            yield False
            return
        with suppress(OSError):  # a full disk; the number is for people
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield True
