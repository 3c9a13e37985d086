"""`lutgrade match`: clips graded so that they match."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lutgrade.commands.grade import Interpolation, Matrix
from lutgrade.errors import InputError
from lutgrade.process import loading

if TYPE_CHECKING:
    from lutgrade.consistency.plan import Clip
    from lutgrade.consistency.results import MatchReport


class Groups(StrEnum):
    none = "none"
    auto = "auto"
    clip = "clip"
    lab = "lab"


def match(
    clips: Annotated[list[Path], typer.Argument(readable=False, help="Videos, images or folders of frames.")],
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Takes the clips under their names. [matched]")
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            help="average, first, brightest, hero, hero=CLIP, reference=FILE, palette=#RRGGBB,..., "
            "synthetic=L,a,b,dL,da,db (Lab means and deviations) or lut=FILE.",
        ),
    ] = "average",
    method: Annotated[
        str, typer.Option(help="auto, or names of `lutgrade models`, separated by commas and tried in turn.")
    ] = "auto",
    strength: Annotated[float, typer.Option(help="0 changes nothing, 1 is the match.")] = 1.0,
    max_strength: Annotated[
        float | None, typer.Option(help="How far strength is raised where the threshold is missed. [1.5]")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="CIEDE2000 (of HDR, Delta E ITP) that mean colours may differ by.")
    ] = 3.0,
    protect_skin: Annotated[float, typer.Option(help="How much of its hue and chroma skin keeps, 0 to 1.")] = 0.0,
    groups: Annotated[
        Groups,
        typer.Option(help="Match clips of like content only: by CLIP features, Lab profiles, or the first there is."),
    ] = Groups.none,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIP,CLIP,...", help="Clips to match with each other only; may be repeated."),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIP=WEIGHT", help="How much a clip counts in an average; may be repeated."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="A clip to copy as it is; may be repeated.")
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLIP@FROM-TO=TARGET",
            help="Seconds of a clip that are meant to differ; `keep` is a target here. May be repeated.",
        ),
    ] = None,
    per_shot: Annotated[bool, typer.Option("--per-shot/--whole", help="One LUT per shot, or one per clip.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between the frames that are looked at.")] = 1.0,
    size: Annotated[int | None, typer.Option(help="Nodes a side of the LUTs. [33, of HDR 65]")] = None,
    interpolation: Annotated[Interpolation, typer.Option(help="How the LUTs are read.")] = Interpolation.tetrahedral,
    matrix: Annotated[
        Matrix | None, typer.Option(help="The YUV matrix of all clips, instead of what they say.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where models run: cpu, cuda, cuda:1, ...")] = "cpu",
    workers: Annotated[int | None, typer.Option(help="Processes. [as cores and memory allow]")] = None,
    memory: Annotated[float | None, typer.Option(help="GB for all processes. [half of what is free]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that no match wrote.")] = False,
    join: Annotated[
        str | None, typer.Option(help="crossfade=SECONDS, or cut: write all clips as one sequence as well.")
    ] = None,
    effects: Annotated[
        str | None,
        typer.Option(help="Of the sequence: white-balance=5600, levels=0.02/0.98, vignette=0.6, opacity=0.8, ..."),
    ] = None,
    print_ffmpeg: Annotated[
        bool, typer.Option("--print-ffmpeg", help="Print the ffmpeg commands that do the same.")
    ] = False,
) -> int:
    """Grades CLIPS so that they look shot by one camera.

    Exits with 0 where all pairs are below the threshold, 3 where not (the outputs are kept), 1 where a clip failed
    (the others are done), 2 for bad input. A second call does only what is not done yet.
    """
    from lutgrade.consistency.workers import start_early

    start_early(len(clips), workers)
    with loading():
        from lutgrade.commands.sequence import read_joining, write_sequence
        from lutgrade.consistency.pipeline import match as run
    from lutgrade.progress import bar

    given = _clips(clips, group or [], weight or [], exclude or [], segment or [])
    reading, yuv = interpolation.value, matrix and matrix.value
    joining = read_joining(clips, output_dir, join, effects, interpolation=reading, matrix=yuv, overwrite=overwrite)
    report = run(
        given,
        output_dir,
        target=target,
        overwrite=overwrite,
        progress=bar,
        method=method,
        strength=strength,
        max_strength=max_strength,
        threshold=threshold,
        protect_skin=protect_skin,
        groups=groups.value,
        per_shot=per_shot,
        every=every,
        size=size,
        device=device,
        workers=workers,
        memory=memory,
        interpolation=reading,
        matrix=yuv,
    )
    show(report)
    write_sequence(report, clips, joining, join=join is not None, print_ffmpeg=print_ffmpeg, overwrite=overwrite)
    return report.exit_code


def show(report: MatchReport) -> None:
    """Prints what was written, how consistent it is, and where the time went."""
    for clip in report.clips:
        why = "; ".join(dict.fromkeys(unit.note for unit in clip.units)) or "excluded"
        typer.echo(f"copied  {clip.output} ({why})" if clip.copied else f"graded  {clip.output}")
    for label, path in (("sheet", report.sheet), ("report", report.html)):
        typer.echo(f"{label:7} {path}")
    before, after, unit = report.before.worst, report.after.worst, report.encoding.unit
    if before and after:
        typer.echo(
            f"before  {unit} {before.mean:.2f} between {before.a} and {before.b}, {report.before.mean:.2f} in all"
        )
        verdict = "below" if report.passed else "not below"
        typer.echo(
            f"after   {unit} {after.mean:.2f} between {after.a} and {after.b}, {report.after.mean:.2f} in all, "
            f"{verdict} {report.threshold:g}, by {report.method} at strength {report.strength:g}"
        )
    steps = ", ".join(f"{step} {value:.2f}" for step, value in report.seconds.items() if step not in ("total", "cpu"))
    typer.echo(f"time    {report.seconds['total']:.2f} s, {report.seconds['cpu']:.2f} s of CPU ({steps})")
    notes = [*report.notes, *(f"{clip.name}: {note}" for clip in report.clips for note in clip.notes)]
    for note in notes:
        typer.echo(f"note    {note}", err=True)
    for name, reason in report.failed.items():
        typer.echo(f"failed  {name}: {reason}", err=True)


def _clips(
    paths: list[Path], groups: list[str], weights: list[str], excluded: list[str], segments: list[str]
) -> list[Clip]:
    """The clips with what was said of each by path or name."""
    from lutgrade.consistency.naming import clip_named
    from lutgrade.consistency.plan import Clip, parse_segment

    clips = [Clip(path) for path in paths]

    def change(name: str, **fields: Any) -> None:
        index = clip_named(name, paths)
        clips[index] = replace(clips[index], **fields)

    for number, names in enumerate(groups, start=1):
        for name in names.split(","):
            change(name, group=f"group {number}")
    for text in weights:
        name, _, value = text.rpartition("=")
        change(name, weight=_number(value, text))
    for name in excluded:
        change(name, exclude=True)
    for text in segments:
        name, segment = parse_segment(text)
        change(name, segments=(*clips[clip_named(name, paths)].segments, segment))
    return clips


def _number(value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"a weight is CLIP=WEIGHT, such as b.mp4=2, not '{text}'") from None
