"""`lutgrade.retouching.retouch`: a look chosen by a prompt, composed onto a clip, a still or a LUT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lutgrade.applying import apply_to_file
from lutgrade.errors import InputError
from lutgrade.grading import grade, refuse_hdr
from lutgrade.lut import Look, Lut, formats, load_looks, looks
from lutgrade.models.retouch import RankedLook, Retoucher
from lutgrade.models.text_embedding import ClipText, TextEmbedding
from lutgrade.outputs import Outputs
from lutgrade.progress import Progress, silent
from lutgrade.video import open_video
from lutgrade.weights import MissingWeights

LIBRARY = "looks.yaml"  # in a user's folder of looks
LUT_SUFFIXES = {suffix for suffix in formats.READABLE if suffix not in (".png", ".tif", ".tiff")}
LOOK_SIZE = 33  # nodes a side; the looks are smooth


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
    strength: float = 1.0,
    pick: int = 1,
    retoucher: Retoucher | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Retouched:
    """Composes the look that fits a prompt best onto a graded clip, a still, a folder of frames or a LUT file.

    A LUT comes out as a LUT, of the output's extension; a clip keeps codec, frame times, tags, metadata and audio.

    Args:
        content: the clip, or a LUT file.
        prompt: such as "warm, deeper shadows, softer highlights".
        output: by default `<content>_retouched` beside the content.
        strength: of the look; 0 changes nothing, above 1 goes further.
        pick: the place in the ranking of the look that is taken, 1 for the best.
        retoucher: ranks the looks; by default the library's.
        overwrite: replace an output that exists; the content is never replaced.
        options: of `write`.

    Raises:
        InputError: bad input, or a prompt of which no word is known; nothing has been written.
        LutgradeError: writing failed; nothing half-written is left.
    """
    chosen = choose((retoucher or Retoucher(library(), embedding())).rank(prompt), pick)
    return write(content, chosen, output, strength=strength, overwrite=overwrite, **options)


def write(
    content: str | Path,
    chosen: RankedLook,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    reference: str | Path | None = None,
    model: str | Path | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Retouched:
    """Composes a look onto a clip or a LUT file, as `retouch` does.

    Args:
        reference: grades the clip to this first; LUTs, contact sheet and report then lie beside the output, and hold
            both.
        model: what grades, as `lutgrade.grade` takes it.
        device: where LUTs and models run.
        progress: shows how far each step is.
        options: further ones of `lutgrade.grade` with a reference, else of `lutgrade.applying.apply_to_file`.

    Raises:
        InputError: as `retouch` says.
    """
    if not 0 <= strength <= 4:
        raise InputError(f"strength is from 0 to 4, not {strength}")
    if model is not None and reference is None:
        raise InputError("a model grades to a reference; give --reference as well")
    content = Path(content)
    path = _beside(content) if output is None else Path(output)
    lut = chosen.look.lut(LOOK_SIZE).blend(strength)
    shared: dict[str, Any] = {"device": device, "overwrite": overwrite, "progress": progress, **options}
    if content.suffix.lower() in LUT_SUFFIXES and not content.is_dir():
        if reference is not None:
            raise InputError(f"{content} is a LUT, which cannot be graded to a reference; give a clip")
        _compose(content, lut, path, overwrite)
    elif reference is None:
        with open_video(content) as reader:
            refuse_hdr(reader.info)
        apply_to_file(content, lut, path, **shared)
    else:
        titled = replace(lut, title=f"{chosen.look.name} at {strength:g}")
        grade(content, reference, Outputs.beside(content, path), model=model, look=titled, **shared)
    return Retouched(path, chosen, lut)


def _beside(content: Path) -> Path:
    stem, suffix = (content.name, "") if content.is_dir() else (content.stem, content.suffix)
    return content.with_name(f"{stem}_retouched{suffix}")


def _compose(content: Path, look: Lut, output: Path, overwrite: bool) -> None:
    Outputs(output).check([content], overwrite=overwrite)
    Lut.load(content).compose(look).save(output)
