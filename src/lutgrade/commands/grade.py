"""`lutgrade grade`: content graded to a reference."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lutgrade.results import GradeResult


class Matrix(StrEnum):
    bt601 = "bt601"
    bt709 = "bt709"
    bt2020 = "bt2020"


class Interpolation(StrEnum):
    trilinear = "trilinear"
    tetrahedral = "tetrahedral"


def grade(
    content: Annotated[Path, typer.Argument(help="A video, an image, or a folder (of frames, or of clips).")],
    reference: Annotated[
        Path,
        typer.Option("--reference", "-r", help="The look: a video, an image or a folder; folders pair by name."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The graded file (a folder for many). [<content>_graded]"),
    ] = None,
    cube: Annotated[Path | None, typer.Option(help="The .cube; one per shot, numbered. [beside the output]")] = None,
    sheet: Annotated[Path | None, typer.Option(help="The contact sheet. [beside the output]")] = None,
    report: Annotated[Path | None, typer.Option(help="The report. [beside the output]")] = None,
    extras: Annotated[bool, typer.Option("--extras/--no-extras", help="Write cube, sheet and report.")] = True,
    model: Annotated[str | None, typer.Option(help="A name of `lutgrade models`, or a checkpoint folder.")] = None,
    strength: Annotated[float, typer.Option(help="0 changes nothing, 1 is the grade, above goes further.")] = 1.0,
    per_shot: Annotated[bool, typer.Option("--per-shot/--whole", help="One LUT per shot, or one in all.")] = True,
    size: Annotated[
        int | None, typer.Option(help="Nodes a side of the LUT: 17, 33 or 65. [33; 65 with --input-log]")
    ] = None,
    interpolation: Annotated[Interpolation, typer.Option(help="How the LUT is read.")] = Interpolation.tetrahedral,
    input_log: Annotated[str | None, typer.Option(help="The content's camera log encoding, such as slog3.")] = None,
    matrix: Annotated[Matrix | None, typer.Option(help="The YUV matrix of CONTENT, instead of what it says.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
) -> None:
    """Grades CONTENT to the look of a reference.

    Writes the graded CONTENT and, beside it, its .cube, contact sheet and report.
    """
    from lutgrade.batch import grade_folder, is_batch
    from lutgrade.grading import grade as run
    from lutgrade.outputs import Outputs
    from lutgrade.progress import bar

    options: dict[str, Any] = {
        "model": model,
        "overwrite": overwrite,
        "progress": bar,
        "strength": strength,
        "per_shot": per_shot,
        "size": size,
        "interpolation": interpolation.value,
        "input_log": input_log,
        "matrix": matrix and matrix.value,
        "device": device,
    }
    if is_batch(content):
        if cube or sheet or report:
            raise typer.BadParameter("--cube, --sheet and --report name one file; with a folder give --output alone")
        for result in grade_folder(content, reference, output, extras=extras, **options):
            show(result)
        return
    outputs = Outputs.beside(content, output, extras=extras).with_paths(cube=cube, sheet=sheet, report=report)
    show(run(content, reference, outputs, **options))


def show(result: GradeResult) -> None:
    """Prints where everything is and where the time went."""
    shots = result.shots
    typer.echo(f"graded  {result.outputs.graded}")
    for shot in shots[:3]:
        if shot.cube:
            typer.echo(f"cube    {shot.cube}")
    if len(shots) > 3 and shots[0].cube:
        typer.echo(f"        and {len(shots) - 3} more, one for each of the {len(shots)} shots")
    if result.outputs.sheet:
        typer.echo(f"sheet   {result.outputs.sheet}")
    if result.outputs.report:
        typer.echo(f"report  {result.outputs.report}")
    steps = ", ".join(f"{step} {value:.2f}" for step, value in result.seconds.items() if step != "total")
    typer.echo(f"time    {result.seconds['total']:.2f} s for {result.frames} frames ({steps}; the last three overlap)")
    for warning in result.warnings:
        typer.echo(f"note    {warning}", err=True)
