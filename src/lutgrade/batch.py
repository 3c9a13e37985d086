"""A folder of contents graded to one reference, or to a folder of references paired by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import make_folder
from lutgrade.grading import grade_with
from lutgrade.loading import load
from lutgrade.options import GradeOptions
from lutgrade.outputs import Outputs, check_apart
from lutgrade.progress import Progress, silent
from lutgrade.protocols import LutModel
from lutgrade.results import GradeResult
from lutgrade.video.reader import is_media, is_sequence


def is_batch(folder: Path) -> bool:
    """Whether a folder holds clips to grade one by one; a folder of numbered frames is one clip itself."""
    return folder.is_dir() and not is_sequence(folder)


def pair(contents: Path, references: Path) -> list[tuple[Path, Path]]:
    """Every medium of a folder with its reference: the one of the same stem, or the only one there is.

    Raises:
        InputError: no media, or a content without a reference of its name.
    """
    clips = sorted(path for path in contents.iterdir() if is_media(path))
    if not clips:
        raise InputError(f"{contents} holds no video or image to grade")
    if not is_batch(references):
        return [(clip, references) for clip in clips]
    by_stem = {path.stem: path for path in sorted(references.iterdir()) if is_media(path)}
    missing = [clip.name for clip in clips if clip.stem not in by_stem]
    if missing:
        raise InputError(f"{references} holds no reference named as {', '.join(missing[:5])} (any suffix will do)")
    return [(clip, by_stem[clip.stem]) for clip in clips]


def grade_folder(
    contents: Path,
    references: Path,
    output: Path | None = None,
    *,
    extras: bool = True,
    model: LutModel | str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Iterator[GradeResult]:
    """Grades each pair of `pair` into the folder `output` (`<contents>_graded` by default), under the same names.

    The model is loaded once. Yields each result as it is done. A clip that fails does not stop the others. The other
    arguments are those of `lutgrade.grade`.

    Raises:
        InputError: before any work: a model or options that cannot be used, or clips such as `a.mp4` and `a.mov` whose
            files would replace each other.
        InputError, LutgradeError: at the end, where any clip failed, naming each and its reason.
    """
    pairs = pair(contents, references)
    contents = contents.resolve() if contents.name in ("", "..") else contents
    folder = Path(output or contents.with_name(f"{contents.name}_graded"))
    planned = [Outputs.beside(clip, folder / clip.name, extras=extras) for clip, _ in pairs]
    check_apart(planned)
    settings = GradeOptions(**options)
    loaded = load(model, settings)
    make_folder(folder)
    failed: list[tuple[Path, LutgradeError]] = []
    for (clip, reference), outputs in zip(pairs, planned, strict=True):
        try:
            outputs.check([clip, reference], overwrite=overwrite)
            yield grade_with(loaded, clip, reference, outputs, settings, progress=progress)
        except LutgradeError as error:
            failed.append((clip, error))
        except (OSError, RuntimeError, MemoryError) as error:  # such as too large a picture for the device
            failed.append((clip, LutgradeError(f"{type(error).__name__}: {' '.join(str(error).split())}")))
    if failed:
        kind = InputError if all(isinstance(error, InputError) for _, error in failed) else LutgradeError
        reasons = "; ".join(f"{clip.name}: {error}" for clip, error in failed)
        raise kind(f"{len(failed)} of {len(pairs)} were not graded: {reasons}")
