"""A LUT applied to a file: a clip, a still or a folder of frames."""

from __future__ import annotations

from pathlib import Path

from lutgrade.devices import check_device
from lutgrade.lut import Lut
from lutgrade.outputs import Outputs
from lutgrade.progress import Progress, silent
from lutgrade.rendering import render
from lutgrade.video import open_video, open_writer


def apply_to_file(
    content: str | Path,
    lut: Lut | str | Path,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    interpolation: str = "tetrahedral",
    matrix: str | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Applies a LUT (or the file of one) to `content` and returns the path written.

    The LUT takes the content's own code values, scaled to [0, 1]. Codec, bit depth, frame times, tags, metadata,
    audio, subtitles and timecode follow the content.

    Raises:
        InputError: bad input, or an output that exists without `overwrite`.
        LutgradeError: writing failed; nothing half-written is left.
    """
    check_device(device)
    content = Path(content)
    inputs = [content] if isinstance(lut, Lut) else [content, Path(lut)]
    outputs = Outputs.beside(content, output, extras=False)
    outputs.check(inputs, overwrite=overwrite)
    loaded = (lut if isinstance(lut, Lut) else Lut.load(lut)).blend(strength).to(device)
    with (
        open_video(content, matrix=matrix) as reader,
        open_writer(outputs.graded, like=reader) as writer,
        progress("apply", reader.info.frames) as advance,
    ):
        render(reader, writer, lambda _: loaded, interpolation=interpolation, device=device, advance=advance)
    return outputs.graded
