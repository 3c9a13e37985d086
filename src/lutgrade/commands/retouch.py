"""`lutgrade retouch`: a look chosen by words, put onto a grade."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lutgrade.commands.grade import Interpolation, Matrix
from lutgrade.errors import InputError

if TYPE_CHECKING:
    from lutgrade.models.retouch import RankedLook


def retouch(
    content: Annotated[Path, typer.Argument(help="A graded video, image or folder of frames, or a .cube.")],
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="Such as 'warm, deeper shadows, softer highlights'.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="[<content>_retouched]")] = None,
    strength: Annotated[float, typer.Option(help="Of the look: 0 changes nothing, above 1 goes further.")] = 1.0,
    top: Annotated[int, typer.Option(min=1, help="How many of the best looks are listed.")] = 5,
    pick: Annotated[int, typer.Option(min=1, help="Which of them is taken.")] = 1,
    only_list: Annotated[bool, typer.Option("--list", help="List the best looks and write nothing.")] = False,
    looks: Annotated[
        Path | None, typer.Option(help="A folder of your own LUTs with a looks.yaml, beside the library.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option(help="CLIP's weights: a folder, or a name. [openai/clip-vit-base-patch32, if here]")
    ] = None,
    reference: Annotated[Path | None, typer.Option("--reference", "-r", help="Grade CONTENT to this first.")] = None,
    model: Annotated[str | None, typer.Option(help="What grades: a name of `lutgrade models`, or a folder.")] = None,
    interpolation: Annotated[Interpolation, typer.Option(help="How the LUT is read.")] = Interpolation.tetrahedral,
    matrix: Annotated[Matrix | None, typer.Option(help="The YUV matrix of CONTENT, instead of what it says.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
) -> None:
    """Puts the look that fits a prompt best onto CONTENT.

    A video gives a video, a .cube a .cube that holds both.
    """
    from lutgrade.models.retouch import Retoucher
    from lutgrade.progress import bar
    from lutgrade.retouching import choose, embedding, library, prepare, write

    if not content.exists():
        raise InputError(f"{content}: no such file or folder")
    task = None
    if not only_list:
        task = prepare(
            content,
            output,
            strength=strength,
            reference=reference,
            model=model,
            interpolation=interpolation.value,
            matrix=matrix and matrix.value,
            device=device,
            overwrite=overwrite,
        )
    retoucher = Retoucher(library(looks), embedding(clip, device=device))
    ranking = retoucher.rank(prompt)
    chosen = choose(ranking, pick)
    typer.echo(f"ranked by {retoucher.embedding.name}", err=True)
    for word, meant in retoucher.embedding.unknown(prompt).items():
        typer.echo(f"note    '{word}' is not known" + (f"; did you mean {meant}?" if meant else ""), err=True)
    show(ranking[:top])
    if task is None:
        return
    written = write(task, chosen, bar)
    typer.echo(f"look    {chosen.look.name} at {strength:g}")
    typer.echo(f"wrote   {written.path}")


def show(ranking: list[RankedLook]) -> None:
    """Prints looks with their scores, the best first."""
    width = max(len(ranked.look.name) for ranked in ranking)
    typer.echo(f"    score  words  measured  {'look':{width}}")
    for place, ranked in enumerate(ranking, 1):
        measured = "" if ranked.agreement is None else f"{ranked.agreement:.2f}"
        first = ranked.look.description.partition(".")[0]
        scores = f"{ranked.score:5.2f}  {ranked.similarity:5.2f}  {measured:>8}"
        typer.echo(f"{place:2}  {scores}  {ranked.look.name:{width}}  {first}")
