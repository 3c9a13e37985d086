"""What `lutgrade match` does after the match: the sequence of all clips, and the `ffmpeg` commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lutgrade.errors import InputError

if TYPE_CHECKING:
    from lutgrade.consistency.results import MatchReport
    from lutgrade.consistency.sequence import Joining


def read_joining(
    clips: Sequence[Path],
    output_dir: Path | None,
    join: str | None,
    effects: str | None,
    *,
    interpolation: str,
    matrix: str | None,
    overwrite: bool,
) -> Joining:
    """The options of the sequence, checked against the clips before any work is done."""
    from lutgrade.consistency.sequence import Joining
    from lutgrade.video.effect_text import parse_effects

    if effects is not None and join is None:
        raise InputError("--effects are of the sequence; give --join as well")
    crossfade = 0.0 if join is None else Joining.parse(join)
    joining = Joining(crossfade, parse_effects(effects or ""), interpolation, matrix)
    if join is not None:
        joining.check(clips, output_dir, overwrite=overwrite)
    return joining


def write_sequence(
    report: MatchReport,
    clips: Sequence[Path],
    joining: Joining,
    *,
    join: bool,
    print_ffmpeg: bool,
    overwrite: bool,
) -> None:
    """Joins the clips and prints the commands, where asked for; not where a clip failed."""
    from lutgrade.consistency.sequence import command_lines, join_matched
    from lutgrade.progress import bar

    joined = None
    if join and report.failed:
        typer.echo("note    no sequence was written, since a clip failed", err=True)
    elif join:
        joined = join_matched(report, clips, joining, overwrite=overwrite, progress=bar)
        typer.echo(f"joined  {joined[0]}")
    if print_ffmpeg:
        for line in command_lines(report, clips, joining, joined):
            typer.echo(line)
