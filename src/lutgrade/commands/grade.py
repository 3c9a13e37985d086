"""`lutgrade grade`: content graded to a reference."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lutgrade.errors import InputError

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
    cube: Annotated[
        Path | None, typer.Option(help="The .cube; numbered where shots differ. [beside the output]")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="The contact sheet. [beside the output]")] = None,
    report: Annotated[Path | None, typer.Option(help="The report. [beside the output]")] = None,
    extras: Annotated[bool, typer.Option("--extras/--no-extras", help="Write cube, sheet and report.")] = True,
    model: Annotated[str | None, typer.Option(help="A name of `lutgrade models`, or a checkpoint folder.")] = None,
    strength: Annotated[float, typer.Option(help="0 changes nothing, 1 is the grade, up to 4 goes further.")] = 1.0,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=AMOUNT", help="A parameter of NCST's models by hand; can be repeated."),
    ] = None,
    adapt: Annotated[
        int,
        typer.Option(metavar="STEPS", help="Train nlut, ncst or adacm on the clip's key frames first, such as 500."),
    ] = 0,
    per_shot: Annotated[bool, typer.Option("--per-shot/--whole", help="One LUT per shot, or one in all.")] = True,
    share_shots: Annotated[
        bool, typer.Option("--share-shots/--no-share-shots", help="Shots that return take the grade they had.")
    ] = True,
    selector: Annotated[
        str | None, typer.Option(help="What key frames are found by: lab_histogram, clip, dinov2, ... [lab_histogram]")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Nodes a side of the LUT, 2 to 129. [33; 65 with --input-log]")
    ] = None,
    interpolation: Annotated[Interpolation, typer.Option(help="How the LUT is read.")] = Interpolation.tetrahedral,
    input_log: Annotated[
        str | None,
        typer.Option(help="The content's log encoding: acescct, slog3, slog3-sgamut3, logc3, logc4 or vlog."),
    ] = None,
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
    from lutgrade.selecting import DEFAULT_SELECTOR

    options: dict[str, Any] = {
        "model": model,
        "overwrite": overwrite,
        "progress": bar,
        "strength": strength,
        "parameters": read_amounts(parameters or []),
        "adapt": adapt,
        "per_shot": per_shot,
        "share_shots": share_shots,
        "selector": selector or DEFAULT_SELECTOR,
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


def read_amounts(settings: list[str]) -> dict[str, float]:
    """`["contrast=1.1"]` as names and numbers; an InputError for anything else."""
    amounts: dict[str, float] = {}
    for setting in settings:
        name, _, amount = setting.partition("=")
        try:
            amounts[name.strip()] = float(amount)
        except ValueError:
            raise InputError(f"--set takes a name and a number, such as contrast=1.1, not '{setting}'") from None
    return amounts


def show(result: GradeResult) -> None:
    """Prints where everything is, what the parameters were, and where the time went."""
    typer.echo(f"graded  {result.outputs.graded}")
    for cube in result.cubes[:3]:
        typer.echo(f"cube    {cube}")
    if len(result.cubes) > 3:
        typer.echo(
            f"        and {len(result.cubes) - 3} more, {len(result.cubes)} in all for {len(result.shots)} shots"
        )
    if result.outputs.sheet:
        typer.echo(f"sheet   {result.outputs.sheet}")
    if result.outputs.report:
        typer.echo(f"report  {result.outputs.report}")
    _show_grades(result)
    steps = ", ".join(f"{step} {value:.2f}" for step, value in result.seconds.items() if step != "total")
    overlap = "decode, grade and encode overlap"
    typer.echo(f"time    {result.seconds['total']:.2f} s for {result.frames} frames ({steps}; {overlap})")
    for warning in result.warnings:
        typer.echo(f"note    {warning}", err=True)


def _show_grades(result: GradeResult) -> None:
    """A line for every grade that has named parameters or that several shots share."""
    lines: dict[str, str] = {}
    for first, grade in result.grades.items():
        shots = result.shots_of(first)
        amounts = "  ".join(f"{name} {amount:.3f}" for name, amount in grade.parameters.items())
        if amounts or len(shots) > 1:
            name = "shot " if len(shots) == 1 else "shots "
            lines[name + ", ".join(str(index + 1) for index in shots)] = amounts or "share a grade"
    width = max(map(len, lines), default=0)
    for name, said in lines.items():
        typer.echo(f"{name:{width}}  {said}")
