"""Preparing a data set: a link to where it lies, and a manifest of what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lutgrade.data import layouts
from lutgrade.data.manifest import MANIFEST, ROOT, Record, build, read_manifest, verify, write_manifest
from lutgrade.errors import InputError
from lutgrade.files import check_writable, make_folder
from lutgrade.progress import Progress, silent

SHOWN = 20  # lines of each kind that a report prints; it counts the rest


@dataclass(frozen=True)
class Report:
    """What was indexed or checked; printed, it names what lacks, what is broken and what changed."""

    records: Sequence[Record]
    manifest: Path
    missing: Sequence[str] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    changed: Sequence[str] = ()

    @property
    def sound(self) -> bool:
        """Whether the disk is as the manifest has it."""
        return not self.changed

    def __str__(self) -> str:
        size = sum(record.size for record in self.records)
        counts = Counter((record.split, record.role) for record in self.records)
        lines = [f"{self.manifest}: {len(self.records):,} files, {size / 1e9:.2f} GB"]
        lines += [f"  {split} {role}: {count:,}" for (split, role), count in sorted(counts.items())]
        lines += _listed("missing", self.missing)
        lines += _listed("broken, left out", [f"{path}: {why}" for path, why in self.broken.items()])
        lines += _listed("changed", self.changed)
        return "\n".join(lines)


def prepare(name: str, root: Path, folder: Path, *, progress: Progress = silent) -> Report:
    """Links `folder/root` to a data set and writes `folder/manifest.jsonl`.

    Files of an earlier manifest whose size and time are the same are not read again.

    Args:
        name: a key of `layouts.LAYOUTS`.
        root: where the data set lies.
        folder: made where it is not there.

    Raises:
        InputError: a folder that is not of the layout, one whose every file is broken, or a `folder/root` that is
            no link.
    """
    found = layouts.find(name, root)
    manifest = folder / MANIFEST
    previous = read_manifest(manifest) if manifest.is_file() else []
    records, broken = build(found.root, found.entries, previous, progress=progress)
    if not records:
        path, why = next(iter(broken.items()))
        raise InputError(f"{found.root}: all {len(broken):,} files are broken; the first: {path}: {why}")
    make_folder(folder)
    _link(folder / ROOT, found.root)
    write_manifest(manifest, records)
    return Report(records, manifest, found.missing, broken)


def check(folder: Path, *, full: bool = False, progress: Progress = silent) -> Report:
    """Compares a prepared data set with its manifest; `full` hashes files whose size and time are the same too.

    Raises:
        InputError: there is no manifest, or its data set is gone.
    """
    manifest, root = folder / MANIFEST, folder / ROOT
    records = read_manifest(manifest)
    if not root.is_dir():
        where = root.readlink() if root.is_symlink() else root
        raise InputError(f"{where}: the data set is no longer there; prepare it again with --root")
    return Report(records, manifest, changed=verify(root, records, full=full, progress=progress))


def _link(link: Path, target: Path) -> None:
    """Points a link to a folder; an earlier link is replaced, anything else is not."""
    check_writable(link) if not link.is_symlink() else link.unlink()
    link.symlink_to(target.resolve(), target_is_directory=True)


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  ... and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    return [f"{title}: {len(lines):,}", *(f"  {line}" for line in lines[:SHOWN]), *more]
