"""What clips are called: names that are unique in the output folder, and which clip somebody means by a text."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from lutgrade.errors import InputError

SHEET, HTML, JSON, SEQUENCE = "match_sheet.png", "match_report.html", "match_report.json", "match_sequence"


def unique_names(clips: Sequence[Path]) -> tuple[str, ...]:
    """The clips' own names; one that came before, or that a match gives another file, gets a number: `a_2.mp4`.

    Names that some disks take for one, such as `a.mp4` and `A.mp4`, are one here.
    """
    names: list[str] = []
    taken = {SHEET, HTML, JSON}
    for clip in clips:
        own = real(clip) if clip.name in ("", "..") else clip
        name, count = own.name, 1
        while folded(name) in taken or folded(Path(name).stem) == SEQUENCE:
            count += 1
            name = f"{own.stem}_{count}{own.suffix}"
        names.append(name)
        taken.add(folded(name))
    return tuple(names)


def folded(name: str) -> str:
    """Alike for names that disks of some systems take for one: of other case, or other code points of one letter."""
    return unicodedata.normalize("NFC", name.casefold())


def real(path: Path) -> Path:
    """The absolute path without links; of links that go round in circles, one of them."""
    return Path(os.path.realpath(path))


def clip_named(text: str, clips: Sequence[Path]) -> int:
    """The clip that a text means: a path, else a file name, else a name in the output folder, else a stem.

    Raises:
        InputError: it means none of the clips, or several that are not the same file.
    """
    readings = (
        [real(clip) == real(Path(text)) for clip in clips],
        [clip.name == text for clip in clips],
        [name == text for name in unique_names(clips)],
        [clip.stem == text for clip in clips],
    )
    found = next((meant for meant in readings if any(meant)), [])
    matching = [index for index, meant in enumerate(found) if meant]
    if not matching:
        raise InputError(f"no clip '{text}' among {', '.join(clip.name for clip in clips)}")
    if len({real(clips[index]) for index in matching}) > 1:
        listed = ", ".join(str(clips[index]) for index in matching)
        raise InputError(f"'{text}' may be any of {listed}; give the path")
    return matching[0]
