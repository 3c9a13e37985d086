"""Where a match writes, and that nothing of anybody else's is lost by it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutgrade.consistency.naming import HTML, JSON, SHEET, folded, real, unique_names
from lutgrade.consistency.store import Store
from lutgrade.errors import InputError
from lutgrade.files import check_name, is_folder, remove_temporaries

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
            InputError: no clips, a folder that cannot be written to, holds a clip itself or lies in one, or files in
                it that no earlier match wrote, unless `overwrite`.
        """
        if not clips:
            raise InputError("there are no clips to match")
        folder = folder_of(clips, folder)
        existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
        if not is_folder(existing):
            raise InputError(f"{existing} is a file; the output folder needs another name")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"no permission to write in {existing}")
        for clip in clips:
            if any("\ud800" <= letter <= "\udfff" for letter in clip.name):  # bytes that are no text
                raise InputError(f"the name {clip.name!a} is not UTF-8, as reports need it; rename the clip")
            if real(folder) in (real(clip.absolute().parent), real(clip).parent, real(clip)):
                raise InputError(f"{clip} lies in the output folder itself and would be replaced; give another folder")
            if real(clip) in real(folder).parents:
                raise InputError(f"the output folder {folder} lies in the clip {clip}; give another folder")
        outputs = cls(folder, unique_names(clips))
        for index, clip in enumerate(clips):
            outputs._check_place(index, clip)
        for name in (SHEET, HTML, JSON):
            if is_folder(folder / name):
                raise InputError(f"{folder / name} is a folder; give another --output-dir")
        outputs.check_foreign([*outputs.names, SHEET, HTML, JSON, *outputs.possible_cubes()], overwrite=overwrite)
        return outputs

    def _check_place(self, index: int, clip: Path) -> None:
        """Raises an InputError where a clip, or its LUTs, cannot take their names."""
        output = self.path(index)
        check_name(output)
        check_name(self.cube(index, 0, 2))
        if is_folder(output) and not is_folder(clip):
            raise InputError(f"{output} is a folder; give another --output-dir")
        with suppress(OSError):  # there is no such output yet, or no such clip
            if output.samefile(clip):
                raise InputError(f"{output} is {clip} itself, by a link; give another --output-dir")

    def check_foreign(self, names: Sequence[str], *, overwrite: bool) -> None:
        """Raises an InputError where one of these files exists that no earlier match wrote, unless `overwrite`."""
        own = self.written_before()
        foreign = [name for name in names if os.path.lexists(self.folder / name) and name not in own]
        if foreign and not overwrite:
            raise InputError(f"{self.folder / foreign[0]} exists; give another --output-dir, or --overwrite")

    def check_inputs(self, files: Sequence[Path]) -> None:
        """Raises an InputError where one of these files, which the match reads, would be replaced by it."""
        replaced = {*self.names, SHEET, HTML, JSON, *self.possible_cubes(), *self.written_before()}
        for file in files:
            if real(file).parent == real(self.folder) and file.name in replaced:
                raise InputError(f"{file} lies in the output folder and would be replaced; give another folder")

    def path(self, clip: int) -> Path:
        """Where a clip goes."""
        return self.folder / self.names[clip]

    def cube(self, clip: int, span: int, spans: int) -> Path:
        """The LUT of a clip's span, numbered from 01 where there are several."""
        name, stems = self.names[clip], [folded(Path(other).stem) for other in self.names]
        number = f"_{span + 1:02d}" if spans > 1 else ""
        own = folded(Path(name).stem)
        clash = stems.count(own) > 1 or (number and own + number in stems)
        return self.folder / f"{name if clash else Path(name).stem}{number}.cube"

    def possible_cubes(self) -> list[str]:
        """The LUTs in the folder that this match may replace: how many spans a clip has is not known yet."""
        starts = tuple(start for name in self.names for start in (name, Path(name).stem))
        found = [file.name for file in self.folder.glob("*.cube")] if is_folder(self.folder) else []
        return [name for name in found if re.sub(r"(_\d\d+)?\.cube$", "", name) in starts or name[:-5] in starts]

    def written_before(self) -> set[str]:
        """The names that earlier matches wrote here, without LUTs that somebody has changed since."""
        record = self._record()
        changed = {name for name, stamp in record["cubes"].items() if _stamp(self.folder / name) not in (stamp, None)}
        return set(record["names"]) - changed

    def claim(self, names: Sequence[str]) -> None:
        """Notes what is going to be written, so that a run that was killed may go on."""
        cubes = {name: stamp for name, stamp in self._record()["cubes"].items() if name not in names}
        self._write_record(self.written_before() | set(names), cubes)

    def sign_cubes(self, cubes: Sequence[Path]) -> None:
        """Notes LUTs as they were written, to tell them from what somebody makes of them."""
        record = self._record()
        self._write_record(set(record["names"]), record["cubes"] | {cube.name: _stamp(cube) for cube in cubes})

    def remove_half_written(self) -> None:
        """Removes what processes that were killed left half-written; nobody may be writing here meanwhile."""
        remove_temporaries(self.folder, {*self.written_before(), SHEET, HTML, JSON})
        remove_temporaries(Store.at(self.folder).folder)

    def _record(self) -> dict[str, Any]:
        return {"names": [], "cubes": {}} | (Store.at(self.folder).read_json(*RECORD) or {})

    def _write_record(self, names: set[str], cubes: Mapping[str, list[int] | None]) -> None:
        Store.at(self.folder).write_json(*RECORD, {"names": sorted(names), "cubes": cubes})

    def forget_cubes(self, kept: Sequence[Path]) -> None:
        """Removes LUTs that an earlier match wrote and this one has no use for, unless somebody has changed them."""
        names = {path.name for path in kept}
        for name in self.written_before():
            if name.endswith(".cube") and name not in names:
                with suppress(OSError):  # it is gone, or something else has its name
                    (self.folder / name).unlink()


def _stamp(file: Path) -> list[int] | None:
    """The size and time of a file; None where there is none."""
    return [file.stat().st_size, file.stat().st_mtime_ns] if file.is_file() else None


def folder_of(clips: Sequence[Path], folder: str | Path | None) -> Path:
    """Where a match goes: by default `matched` beside the first clip."""
    return clips[0].absolute().parent / "matched" if folder is None else Path(folder)
