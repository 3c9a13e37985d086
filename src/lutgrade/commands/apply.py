"""`lutgrade apply`: a LUT file applied to a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lutgrade.commands.grade import Interpolation, Matrix


def apply(
    content: Annotated[Path, typer.Argument(help="A video, an image, or a folder of frames.")],
    lut: Annotated[Path, typer.Argument(help="A .cube, or any LUT file that `lutgrade lut info` reads.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="[<content>_graded]")] = None,
    strength: Annotated[float, typer.Option(help="0 changes nothing, 1 is the LUT, above goes further.")] = 1.0,
    interpolation: Annotated[Interpolation, typer.Option(help="How the LUT is read.")] = Interpolation.tetrahedral,
    matrix: Annotated[Matrix | None, typer.Option(help="The YUV matrix of CONTENT, instead of what it says.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
) -> None:
    """Applies a LUT file to CONTENT.

    Codec, bit depth, frame times, tags, audio, subtitles and timecode follow CONTENT.
    """
    from lutgrade.applying import apply_to_file
    from lutgrade.progress import bar

    written = apply_to_file(
        content,
        lut,
        output,
        strength=strength,
        interpolation=interpolation.value,
        matrix=matrix and matrix.value,
        device=device,
        overwrite=overwrite,
        progress=bar,
    )
    typer.echo(f"graded  {written}")
