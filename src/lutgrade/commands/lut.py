"""`lutgrade lut`: what is in LUT files, other formats of them, and how far they lie apart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lutgrade.errors import InputError

if TYPE_CHECKING:
    from lutgrade.lut.lut import Lut

app = typer.Typer(help="Looks into LUT files, converts and compares them.", rich_markup_mode=None)

Files = Annotated[list[Path], typer.Argument(help="LUT files of any format; pictures are HaldCLUTs.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]


@app.command()
def info(
    files: Files, as_json: Annotated[bool, typer.Option("--json", help="A JSON list, an object a file.")] = False
) -> None:
    """Prints what LUT files hold, and what they do to a picture."""
    from lutgrade.lut.formats import load
    from lutgrade.lut.quality import assess

    reports = []
    for path in files:
        lut = load(path)
        quality = assess(lut)
        if as_json:
            measures = {**dataclasses.asdict(quality), "findings": quality.findings}
            reports.append({"file": str(path), **_facts(lut), "quality": measures})
        else:
            typer.echo(f"{path}\n{_describe(lut)}\n{quality.report()}\n")
    if as_json:
        typer.echo(json.dumps(reports, indent=2))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="The LUT file to read.")],
    target: Annotated[Path, typer.Argument(help="The file to write; its extension names the format.")],
    size: Annotated[int | None, typer.Option(min=2, max=129, help="Nodes a side. [as they are]")] = None,
    strength: Annotated[float, typer.Option(help="0 is the identity, 1 the LUT, above goes further.")] = 1.0,
    overwrite: Overwrite = False,
) -> None:
    """Writes a LUT in another format, size or strength, and says what that changed."""
    from lutgrade.lut import formats

    _check_output(target, [source], overwrite)
    changes = formats.convert(source, target, size=size, strength=strength)
    typer.echo(f"wrote  {target}")
    for change in changes:
        typer.echo(f"       {change}")


@app.command()
def compare(files: Files) -> None:
    """Prints how far each LUT lies from the first, over all sRGB colours."""
    from lutgrade.lut.compare import compare as measure
    from lutgrade.lut.formats import load

    if len(files) < 2:
        raise InputError("compare takes two LUT files or more")
    first = load(files[0])
    for path in files[1:]:
        typer.echo(f"{path} against {files[0]}\n{measure(first, load(path)).report()}\n")


@app.command()
def plot(
    files: Files,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A picture, or a folder. [<file>.plot.png]")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draws each LUT: curves, lattice, shifts of hue, and a colour chart before and after."""
    from lutgrade.lut.formats import load
    from lutgrade.lut.plot import plot as draw

    targets = [_picture(path, output, len(files)) for path in files]
    if len(set(targets)) < len(targets):
        raise InputError("two of the files have one name; plot them one by one, each to its own --output")
    for target in targets:
        _check_output(target, files, overwrite)
    for path, target in zip(files, targets, strict=True):
        lut = load(path)
        draw(lut if lut.title else dataclasses.replace(lut, title=path.stem), target)
        typer.echo(f"wrote  {target}")


def _facts(lut: Lut) -> dict[str, Any]:
    return {
        "title": lut.title,
        "size": lut.size,
        "domain": [[0.0] * 3, [1.0] * 3] if lut.domain is None else lut.domain.tolist(),
        "shaper": None if lut.shaper is None else lut.shaper.shape[1],
    }


def _describe(lut: Lut) -> str:
    low, high = _facts(lut)["domain"]
    same = len(set(low)) == len(set(high)) == 1
    domain = f"{low[0]:g} to {high[0]:g}" if same else ", ".join(map("{:g} to {:g}".format, low, high))
    rows = {
        "title": lut.title or "(none)",
        "size": f"{lut.size} nodes a side",
        "domain": domain,
        "shaper": "none" if lut.shaper is None else f"{lut.shaper.shape[1]} values a channel",
    }
    return "\n".join(f"{label:<20}{text}" for label, text in rows.items())


def _picture(path: Path, output: Path | None, count: int) -> Path:
    """Where the plot of a LUT file goes."""
    name = f"{path.stem}.plot.png"
    if output is None:
        return path.with_name(name)
    if output.is_dir():
        return output / name
    if count > 1:
        raise InputError(f"--output must be a folder that exists for several LUTs, not {output}")
    return output


def _check_output(target: Path, inputs: list[Path], overwrite: bool) -> None:
    if target.resolve() in (path.resolve() for path in inputs):
        raise InputError(f"{target} is an input and is never overwritten; name another output")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; name another output, or give --overwrite")
