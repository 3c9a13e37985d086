"""Where the parts of a result go, and that nothing is lost by putting them there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lutgrade.errors import InputError
from lutgrade.evaluation.cache import file_digest
from lutgrade.files import check_name, check_place
from lutgrade.lut.formats import check_suffix
from lutgrade.video.sequence import is_frames
from lutgrade.video.stills import check_image_suffix


def remove_unchanged(files: Mapping[Path, str]) -> None:
    """Removes files that still are what their digests say; what somebody has changed since stays."""
    for path, digest in files.items():
        if path.is_file() and file_digest(path) == digest:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Outputs:
    """The files of one result; None is not written."""

    graded: Path
    cube: Path | None = None
    sheet: Path | None = None
    report: Path | None = None

    @classmethod
    def beside(cls, content: Path, graded: str | Path | None = None, *, extras: bool = True) -> Outputs:
        """`clip_graded.mp4` beside `clip.mp4`, and beside that its cube, sheet and report (JSON lies beside it)."""
        if graded is None:
            content = content.resolve() if content.name in ("", "..") else content
            stem, suffix = (content.name, "") if content.is_dir() else (content.stem, content.suffix)
            graded = content.with_name(f"{stem}_graded{suffix}")
        graded = Path(graded)
        if not extras:
            return cls(graded)
        return cls(
            graded,
            graded.with_name(f"{graded.stem}.cube"),
            graded.with_name(f"{graded.stem}_sheet.png"),
            graded.with_name(f"{graded.stem}_report.md"),
        )

    def with_paths(self, *, cube: Path | None, sheet: Path | None, report: Path | None) -> Outputs:
        """The same with the parts that are given in other places."""
        return replace(self, cube=cube or self.cube, sheet=sheet or self.sheet, report=report or self.report)

    def files(self) -> Iterator[Path]:
        """Every path that will be written, but for the cubes of further shots."""
        yield self.graded
        yield from (path for path in (self.cube, self.sheet, self.report) if path is not None)
        if self.report is not None:
            yield self.report.with_suffix(".json")

    def check(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Fails before any work is done.

        Raises:
            InputError: a file that cannot be written, that is one of the inputs, that is named twice, or that
                exists, unless `overwrite`; a cube or a sheet of no known format.
        """
        seen: set[Path] = set()
        sources = {path.resolve() for path in inputs}
        for path in self.files():
            check_place(path)
            frames = path == self.graded and path.is_dir() and is_frames(path)  # the writer asks whose
            if path.is_dir() and not frames:
                raise InputError(f"cannot write {path}: it is a folder of more than frames; give another --output")
            resolved = path.resolve()
            if any(resolved == source or (frames and resolved in source.parents) for source in sources):
                raise InputError(f"{path} is an input and is never overwritten; give another --output")
            if resolved in seen:
                raise InputError(f"{path} is named for two outputs; give each its own")
            if path.exists() and not overwrite:
                raise InputError(f"{path} exists; give another --output, or --overwrite")
            seen.add(resolved)
        if self.cube is not None:
            check_suffix(self.cube)
            check_name(self.cube.with_name(f"{self.cube.stem}_shot001{self.cube.suffix}"))
        if self.sheet is not None:
            check_image_suffix(self.sheet)
        earlier = [] if overwrite else self._numbered_cubes()
        if earlier:
            raise InputError(f"{earlier[0]} exists; give another --output, or --overwrite")

    def _numbered_cubes(self) -> list[Path]:
        """The cubes of single shots that lie there already: how many shots there will be is not known beforehand."""
        if self.cube is None:
            return []
        numbered = re.compile(rf"{re.escape(self.cube.stem)}_shot\d{{3,}}{re.escape(self.cube.suffix)}")
        return sorted(path for path in self.cube.parent.iterdir() if numbered.fullmatch(path.name))

    def earlier_cubes(self) -> dict[Path, str]:
        """The cubes that an earlier run left here, as its report names them, with a digest of each."""
        if self.cube is None or self.report is None:
            return {}
        try:
            facts = json.loads(self.report.with_suffix(".json").read_text(encoding="utf-8"))
            return {self.cube.with_name(name): digest for name, digest in facts["cubes"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # there is no report, or not one of ours

    def cube_of(self, shot: int, grades: int) -> Path | None:
        """The cube of a grade by its first shot, counted from 0: the path itself of one grade, else from 001 on."""
        if self.cube is None or grades == 1:
            return self.cube
        return self.cube.with_name(f"{self.cube.stem}_shot{shot + 1:03d}{self.cube.suffix}")


def check_apart(results: Sequence[Outputs]) -> None:
    """Raises an InputError where two results have a file of one name: one would replace the other's."""
    owners: dict[Path, Path] = {}
    for outputs in results:
        for path in outputs.files():
            if owners.setdefault(path, outputs.graded) != outputs.graded:
                raise InputError(
                    f"{owners[path].name} and {outputs.graded.name} would both be given {path.name}; "
                    "rename one, or write the graded files alone (--no-extras)"
                )
