"""The fixed rule by which files without split lists are split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from lutgrade.errors import InputError

T = TypeVar("T")
SPLITS = ("train", "val")
WHERE = "datasets/photos/README.md says which folders there are, and how to name them"  # where one is missing


def files_by_name(folder: str | Path, suffixes: Collection[str]) -> list[Path]:
    """The files of a folder with one of the suffixes, in either case, in the order that splits go by; none hidden."""
    found = (path for path in Path(folder).iterdir() if path.suffix.lower() in suffixes and path.name[0] != ".")
    return sorted(found, key=lambda path: path.name)


def split_of(items: Sequence[T], split: str | None, every: int) -> list[T]:
    """The part of a sorted list: "val" is every index divisible by `every`, "train" the others, None all.

    `every` 10 is a 90/10 split.

    Raises:
        InputError: another name, or nothing to split by.
    """
    if split is None:
        return list(items)
    if split not in SPLITS or every < 2:
        raise InputError(f"split must be train, val or null, and every at least 2; not {split!r} and {every}")
    return [item for i, item in enumerate(items) if (i % every == 0) == (split == "val")]
