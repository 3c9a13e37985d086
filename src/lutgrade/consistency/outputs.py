"""Where a match writes, and that nothing of anybody else's is lost by it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        """Makes the folder, and fails before any work is done.

        Raises:
            InputError: no clips, a folder that cannot be written to or holds a clip itself, or files in it that no
                earlier match wrote, unless `overwrite`.
        """
        if not clips:
            raise InputError("there are no clips to match")
        folder = clips[0].absolute().parent / "matched" if folder is None else Path(folder)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; the output folder needs another name")
        for clip in clips:
            if folder.resolve() in (clip.absolute().parent.resolve(), clip.resolve().parent, clip.resolve()):
                raise InputError(f"{clip} lies in the output folder itself and would be replaced; give another folder")
        outputs = cls(folder, unique_names(clips))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
        if not os.access(folder, os.W_OK):
            raise InputError(f"no permission to write in {folder}")
        own = outputs.written_before()
        expected = [*outputs.names, SHEET, HTML, JSON, *outputs.possible_cubes()]
        foreign = [name for name in expected if (folder / name).exists() and name not in own]
        if foreign and not overwrite:
            raise InputError(f"{folder / foreign[0]} exists; give another --output-dir, or --overwrite")
        return outputs

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


def unique_names(clips: Sequence[Path]) -> tuple[str, ...]:
    """The clips' own names; a name that came before gets a number: `a.mp4`, `a_2.mp4`."""
    names: list[str] = []
    for clip in clips:
        name, count = clip.name, 1
        while name in names:
            count += 1
            name = f"{clip.stem}_{count}{clip.suffix}"
        names.append(name)
    return tuple(names)
