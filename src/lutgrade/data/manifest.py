"""Manifests: what a data set on disk consists of, one JSON line a file, so that a change or a loss shows.

A prepared data set is a folder with `manifest.jsonl` and `root`, a link to where the files lie; the paths of the
manifest are relative to `root`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lutgrade.errors import InputError
from lutgrade.files import replacing
from lutgrade.progress import Progress, silent

MANIFEST, ROOT = "manifest.jsonl", "root"
THREADS = 4  # hashing waits for the disk, and lets go of the interpreter while it computes


@dataclass(frozen=True)
class Entry:
    """A file that a layout found."""

    path: str  # relative to the root, with forward slashes
    split: str
    role: str  # image, video, mask, or a name of the data set's own
    item: str  # the clip, photograph or pair that the file belongs to
    fps: float | None = None  # of the clip, where there is one


@dataclass(frozen=True)
class Record(Entry):
    """A file of a manifest."""

    size: int = 0  # bytes
    mtime_ns: int = 0
    hash: str = ""  # BLAKE2b, 16 bytes, in hexadecimal


def build(
    root: Path, entries: Sequence[Entry], previous: Iterable[Record] = (), *, progress: Progress = silent
) -> tuple[list[Record], dict[str, str]]:
    """Measures files into records; those of `previous` with the same size and time are taken as they are.

    Returns:
        The records, sorted by path, and why each file that is left out cannot be used.
    """
    known = {record.path: record for record in previous}
    records: list[Record] = []
    broken: dict[str, str] = {}
    with ThreadPoolExecutor(THREADS) as pool, progress("index", len(entries)) as advance:
        for entry, found in zip(
            entries, pool.map(lambda e: _measure(root, e, known.get(e.path)), entries), strict=True
        ):
            if isinstance(found, Record):
                records.append(found)
            else:
                broken[entry.path] = found
            advance()
    return sorted(records, key=lambda record: record.path), broken


def verify(root: Path, records: Sequence[Record], *, full: bool = False, progress: Progress = silent) -> list[str]:
    """What differs from the manifest, a line a file; empty where all is as it was.

    Args:
        full: hash every file; otherwise only those whose time differs.
    """
    with ThreadPoolExecutor(THREADS) as pool, progress("check", len(records)) as advance:
        problems = []
        for problem in pool.map(lambda record: _difference(root, record, full), records):
            if problem:
                problems.append(problem)
            advance()
    return problems


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Writes one JSON line a record; atomic."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")


def is_manifest(source: Path) -> bool:
    """Whether a path means a manifest rather than a folder, be it there or not."""
    return source.is_file() or source.suffix == Path(MANIFEST).suffix


def read_manifest(path: Path) -> list[Record]:
    """The records of a manifest file.

    Raises:
        InputError: no such file, or a line that is not a record, with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except FileNotFoundError:
        name = path.absolute().parent.parent.name  # datasets/<name>/data/manifest.jsonl
        command = f"python scripts/prepare_data.py {name} --root <folder>"
        raise InputError(f"there is no {path}: make it with {command}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a manifest ({error})") from None
    records = []
    for number, line in enumerate(lines if any(lines) else [], 1):
        try:
            records.append(Record(**json.loads(line)))
        except (json.JSONDecodeError, TypeError) as error:
            raise InputError(f"{path}: line {number} is not a manifest's record ({error})") from None
    return records


def files_of(manifest: Path, *, split: str | None = None, role: str | None = None) -> list[tuple[Path, Record]]:
    """The files of a manifest with a split and a role, and their records; None takes all.

    Raises:
        InputError: as `read_manifest`, or nothing is left; what there is is named.
    """
    records = read_manifest(manifest)
    root = manifest.parent / ROOT
    found = [(root / r.path, r) for r in records if split in (None, r.split) and role in (None, r.role)]
    if not found:
        there = ", ".join(sorted({f"{r.split}/{r.role}" for r in records})) or "nothing"
        raise InputError(f"{manifest}: holds no files of split {split} and role {role}; it holds {there}")
    return found


def file_hash(path: Path) -> str:
    """BLAKE2b of a file, 16 bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _measure(root: Path, entry: Entry, known: Record | None) -> Record | str:
    """The record of a file, or what is wrong with it."""
    path = root / entry.path
    try:
        stat = path.stat()
        if stat.st_size == 0:
            return "the file is empty"
        if known and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            fields = dataclasses.asdict(entry) | {"fps": entry.fps or known.fps}
            return Record(**fields, size=known.size, mtime_ns=known.mtime_ns, hash=known.hash)
        frame_rate = _frame_rate(path)  # of an image too, as it opens the file
        fields = dataclasses.asdict(entry) | {"fps": entry.fps or frame_rate}
        return Record(**fields, size=stat.st_size, mtime_ns=stat.st_mtime_ns, hash=file_hash(path))
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    except OSError as error:
        return error.strerror or str(error)


def _frame_rate(path: Path) -> float | None:
    """Frames a second of a video, None of an image; opens it, so that a broken file is known."""
    from lutgrade.video import open_video
    from lutgrade.video.stills import is_image, still_info

    if is_image(path):
        still_info(path)
        return None
    return round(float(open_video(path).info.frame_rate), 3)


def _difference(root: Path, record: Record, full: bool) -> str | None:
    path = root / record.path
    try:
        stat = path.stat()
        if stat.st_size != record.size:
            return f"{record.path}: {stat.st_size:,} bytes, {record.size:,} in the manifest"
        if (full or stat.st_mtime_ns != record.mtime_ns) and file_hash(path) != record.hash:
            return f"{record.path}: its content is not that of the manifest"
    except FileNotFoundError:
        return f"{record.path}: missing"
    except OSError as error:
        return f"{record.path}: {error.strerror or error}"
    return None


def group(records: Iterable[Record]) -> Iterator[tuple[str, list[Record]]]:
    """The records of each item, in order of their paths."""
    items: dict[str, list[Record]] = {}
    for record in records:
        items.setdefault(record.item, []).append(record)
    yield from items.items()
