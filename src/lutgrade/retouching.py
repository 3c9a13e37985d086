"""`lutgrade.retouching.retouch`: a look chosen by a prompt, composed onto a clip, a still or a LUT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lutgrade.applying import apply_to_file
from lutgrade.errors import InputError
from lutgrade.grading import grade_with, refuse_hdr
from lutgrade.loading import Loaded, load
from lutgrade.lut import Look, Lut, formats, load_looks, looks
from lutgrade.models.retouch import RankedLook, Retoucher
from lutgrade.models.text_embedding import ClipText, TextEmbedding
from lutgrade.options import GradeOptions
from lutgrade.outputs import Outputs
from lutgrade.progress import Progress, silent
from lutgrade.video import open_video
from lutgrade.weights import MissingWeights

LIBRARY = "looks.yaml"  # in a user's folder of looks
LUT_SUFFIXES = {suffix for suffix in formats.READABLE if suffix not in (".png", ".tif", ".tiff")}
MAX_STRENGTH = 4


@dataclass(frozen=True)
class Retouched:
    """What was written, the look it was written with, and that look's LUT at its strength."""

    path: Path
    chosen: RankedLook
    lut: Lut


def library(folder: str | Path | None = None) -> dict[str, Look]:
    """The looks that come with lutgrade, and those of a folder; of one name the folder's.

    Args:
        folder: holds LUT files and a `looks.yaml`, a mapping from names to `file` and `description`; or such a YAML
            file itself.

    Raises:
        InputError: no such folder or YAML file, an entry that cannot be used, a LUT file that is not there.
    """
    if folder is None:
        return looks()
    path = Path(folder)
    if not path.exists():
        raise InputError(f"{path}: no such folder of looks")
    if path.is_dir():
        path = path / LIBRARY
        if not path.is_file():
            raise InputError(f"{folder} holds no {LIBRARY}; write one that maps names to a file and a description")
    return looks() | load_looks(path)


def embedding(clip: str | Path | None = None, *, device: str = "cpu") -> TextEmbedding | None:
    """CLIP's text half, or None, the lexical embedding, where its weights are not on this machine.

    Raises:
        MissingWeights: `clip` names weights that are not here.
    """
    if clip is not None:
        return ClipText(clip, device=device)
    try:
        return ClipText(device=device)
    except MissingWeights:
        return None


def choose(ranking: list[RankedLook], pick: int = 1) -> RankedLook:
    """The look at a place of a ranking, 1 for the best.

    Raises:
        InputError: no such place.
    """
    if not 1 <= pick <= len(ranking):
        raise InputError(f"pick is from 1 to {len(ranking)}, the number of looks, not {pick}")
    return ranking[pick - 1]


def retouch(
    content: str | Path,
    prompt: str,
    output: str | Path | None = None,
    *,
    pick: int = 1,
    retoucher: Retoucher | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Retouched:
    """Composes the look that fits a prompt best onto a graded clip, a still, a folder of frames or a LUT file.

    A LUT comes out as a LUT, of the output's extension; a clip keeps codec, frame times, tags, metadata and audio.

    Args:
        content: the clip, or a LUT file.
        prompt: such as "warm, deeper shadows, softer highlights".
        output: by default `<content>_retouched` beside the content.
        pick: the place in the ranking of the look that is taken, 1 for the best.
        retoucher: ranks the looks; by default the library's.
        progress: shows how far each step is.
        options: of `prepare`.

    Raises:
        InputError: bad input, or a prompt of which no word is known; nothing has been written.
        LutgradeError: writing failed; nothing half-written is left.
    """
    task = prepare(content, output, **options)
    chosen = choose((retoucher or Retoucher(library(), embedding())).rank(prompt), pick)
    return write(task, chosen, progress)


@dataclass(frozen=True)
class Task:
    """What a retouch reads and writes, checked before any look is chosen."""

    content: Path | Lut  # a clip, or what a LUT file held
    outputs: Outputs
    strength: float
    reference: Path | None
    graded_by: Loaded | None  # where there is a reference
    options: GradeOptions
    overwrite: bool


def prepare(
    content: str | Path,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    reference: str | Path | None = None,
    model: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Task:
    """Checks all that a retouch needs but for its look.

    Args:
        content: a clip, a still, a folder of frames, or a LUT file.
        output: by default `<content>_retouched` beside the content.
        strength: of the look; 0 changes nothing, above 1 goes further.
        reference: grades the clip to this first; LUTs, contact sheet and report then lie beside the output, and hold
            both.
        model: what grades, as `lutgrade.grade` takes it.
        overwrite: replace outputs that exist; the content is never replaced.
        options: of `lutgrade.options.GradeOptions`; without a reference device, matrix and interpolation count.

    Raises:
        InputError: bad input.
    """
    if not 0 <= strength <= MAX_STRENGTH:
        raise InputError(f"strength is from 0 to {MAX_STRENGTH}, not {strength}")
    if model is not None and reference is None:
        raise InputError("a model grades to a reference; give --reference as well")
    settings = GradeOptions(**options)
    content = Path(content)
    reference = None if reference is None else Path(reference)
    path = _beside(content) if output is None else Path(output)
    outputs = Outputs.beside(content, path, extras=reference is not None)
    source = _source(content, path, reference, settings)
    outputs.check([content] if reference is None else [content, reference], overwrite=overwrite)
    graded_by = None if reference is None else load(model, settings)
    return Task(source, outputs, strength, reference, graded_by, settings, overwrite)


def write(task: Task, chosen: RankedLook, progress: Progress = silent) -> Retouched:
    """Composes a look onto what was prepared."""
    lut = chosen.look.lut().blend(task.strength)
    path, options = task.outputs.graded, task.options
    if isinstance(task.content, Lut):
        task.content.compose(lut).save(path)
    elif task.reference is not None and task.graded_by is not None:
        titled = replace(lut, title=f"{chosen.look.name} at {task.strength:g}")
        grade_with(task.graded_by, task.content, task.reference, task.outputs, options, look=titled, progress=progress)
    else:
        apply_to_file(
            task.content,
            lut,
            path,
            interpolation=options.interpolation,
            matrix=options.matrix,
            device=options.device,
            overwrite=task.overwrite,
            progress=progress,
        )
    return Retouched(path, chosen, lut)


def _beside(content: Path) -> Path:
    stem, suffix = (content.name, "") if content.is_dir() else (content.stem, content.suffix)
    return content.with_name(f"{stem}_retouched{suffix}")


def _source(content: Path, output: Path, reference: Path | None, options: GradeOptions) -> Path | Lut:
    """The content as a task holds it; a clip, and a reference, are opened to see that they can be."""
    suffix = output.suffix.lower()
    if content.suffix.lower() in LUT_SUFFIXES and not content.is_dir():
        if reference is not None:
            raise InputError(f"{content} is a LUT, which cannot be graded to a reference; give a clip")
        if suffix not in formats.WRITABLE:
            raise InputError(f"{content} is a LUT, and {output} is none: give an output such as .cube")
        return Lut.load(content)
    if suffix in LUT_SUFFIXES:
        raise InputError(f"{content} is a clip, and {output} is a LUT: give an output of the clip's own kind")
    for path, matrix in ((content, options.matrix), (reference, None)):
        if path is not None:
            with open_video(path, matrix=matrix) as reader:
                refuse_hdr(reader.info)
    return content
