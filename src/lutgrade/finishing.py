"""A grade and the effects that finish it as one step of a pipeline: what they do to colours is baked into one LUT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lutgrade.grading import refuse_hdr
from lutgrade.lut import Lut
from lutgrade.outputs import Outputs
from lutgrade.progress import Progress, silent
from lutgrade.rendering import render
from lutgrade.video import open_video, open_writer
from lutgrade.video.effects import Effects

EFFECT_NODES = 65  # a side: effects bend more sharply than grades do


@dataclass(frozen=True)
class FinishedGrade:
    """What is done to every frame of a shot; takes the place of its LUT in `lutgrade.rendering.render`.

    Attributes:
        lut: the grade and the effects on colours.
        effects: of which only the vignette and the opacity are left to do.
    """

    lut: Lut
    effects: Effects

    @classmethod
    def of(cls, grade: Lut, effects: Effects) -> FinishedGrade:
        """Bakes the effects on colours into a grade; without any, the grade stays as it is."""
        if not effects.color:
            return cls(grade, effects)
        size = max(EFFECT_NODES, grade.size)
        return cls(grade.compose(Lut.from_function(effects.map_colors, size), size=size), effects)

    @property
    def only_lut(self) -> Lut | None:
        """The LUT, where nothing is left to do after it."""
        return None if self.effects.is_spatial else self.lut

    def __call__(self, image: Tensor, *, interpolation: str = "tetrahedral") -> Tensor:
        """Images `[..., 3, H, W]`, floats in [0, 1], to the same."""
        return self.effects.place(self.lut(image, interpolation=interpolation), image)


def finish_file(
    content: str | Path,
    effects: Effects,
    output: str | Path | None = None,
    *,
    lut: Lut | str | Path | None = None,
    interpolation: str = "tetrahedral",
    matrix: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Applies a LUT, where there is one, and effects to `content`; returns the path written.

    Codec, bit depth, frame times, tags, metadata, audio, subtitles and timecode follow the content.

    Raises:
        InputError: bad input, HDR, on which effects have no meaning, or an output that exists without `overwrite`.
        LutgradeError: writing failed; nothing half-written is left.
    """
    content = Path(content)
    files = [Path(lut)] if isinstance(lut, str | Path) else []
    outputs = Outputs.beside(content, output, extras=False)
    outputs.check([content, *files], overwrite=overwrite)
    grade = lut if isinstance(lut, Lut) else Lut.load(lut) if lut is not None else Lut.identity(EFFECT_NODES)
    finished = FinishedGrade.of(grade, effects)
    with open_video(content, matrix=matrix) as reader:
        refuse_hdr(reader.info)
        with (
            open_writer(outputs.graded, like=reader) as writer,
            progress("finish", reader.info.frames) as advance,
        ):
            render(reader, writer, lambda _: finished, interpolation=interpolation, advance=advance)
    return outputs.graded
