"""Where a match writes, and that nothing of anybody else's is lost by it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lutgrade.consistency.naming import unique_names
from lutgrade.consistency.store import Store
from lutgrade.errors import InputError

SHEET, HTML, JSON = "match_sheet.png", "match_report.html", "match_report.json"
RECORD = ("outputs", "all")


@dataclass(frozen=True)
class MatchOutputs:
    """The folder of a match and the name of each clip in it."""

    folder: Path
    names: tuple[str, ...]

    @classmethod
    def plan(cls, clips: Sequence[Path], folder: str | Path | None, *, overwrite: bool) -> MatchOutputs:
        """Checks the folder before anything is made or done.

        Raises:
            InputError: no clips, a folder that cannot be written to or holds a clip itself, or files in it that no
                earlier match wrote, unless `overwrite`.
        """
        if not clips:
            raise InputError("there are no clips to match")
        folder = folder_of(clips, folder)
        existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
        if not existing.is_dir():
            raise InputError(f"{existing} is a file; the output folder needs another name")
        if not os.access(existing, os.W_OK):
            raise InputError(f"no permission to write in {existing}")
        for clip in clips:
            if folder.resolve() in (clip.absolute().parent.resolve(), clip.resolve().parent, clip.resolve()):
                raise InputError(f"{clip} lies in the output folder itself and would be replaced; give another folder")
        outputs = cls(folder, unique_names(clips))
        outputs.check_foreign([*outputs.names, SHEET, HTML, JSON, *outputs.possible_cubes()], overwrite=overwrite)
        return outputs

    def check_foreign(self, names: Sequence[str], *, overwrite: bool) -> None:
        """Raises an InputError where one of these files exists that no earlier match wrote, unless `overwrite`."""
        own = self.written_before()
        foreign = [name for name in names if (self.folder / name).exists() and name not in own]
        if foreign and not overwrite:
            raise InputError(f"{self.folder / foreign[0]} exists; give another --output-dir, or --overwrite")

    def path(self, clip: int) -> Path:
        """Where a clip goes."""
        return self.folder / self.names[clip]

    def cube(self, clip: int, span: int, spans: int) -> Path:
        """The LUT of a clip's span, numbered from 01 where there are several."""
        name, stems = self.names[clip], [Path(other).stem for other in self.names]
        number = f"_{span + 1:02d}" if spans > 1 else ""
        clash = stems.count(Path(name).stem) > 1 or (number and Path(name).stem + number in stems)
        return self.folder / f"{name if clash else Path(name).stem}{number}.cube"

    def possible_cubes(self) -> list[str]:
        """The LUTs in the folder that this match may replace: how many spans a clip has is not known yet."""
        starts = tuple(start for name in self.names for start in (name, Path(name).stem))
        found = [file.name for file in self.folder.glob("*.cube")]
        return [name for name in found if re.sub(r"(_\d\d+)?\.cube$", "", name) in starts or name[:-5] in starts]

    def written_before(self) -> set[str]:
        """The names that earlier matches wrote here."""
        record = Store.at(self.folder).read_json(*RECORD) or {}
        return set(record.get("names", []))

    def claim(self, names: Sequence[str]) -> None:
        """Notes what is going to be written, so that a run that was killed may go on."""
        store = Store.at(self.folder)
        store.write_json(*RECORD, {"names": sorted(self.written_before() | set(names))})

    def forget_cubes(self, kept: Sequence[Path]) -> None:
        """Removes LUTs that an earlier match wrote and this one has no use for."""
        names = {path.name for path in kept}
        for name in self.written_before():
            if name.endswith(".cube") and name not in names:
                (self.folder / name).unlink(missing_ok=True)


def folder_of(clips: Sequence[Path], folder: str | Path | None) -> Path:
    """Where a match goes: by default `matched` beside the first clip."""
    return clips[0].absolute().parent / "matched" if folder is None else Path(folder)
