"""`lutgrade match` for PQ and HLG clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from lutgrade.errors import InputError, LutgradeError

if TYPE_CHECKING:
    from lutgrade.consistency.hdr import Method
    from lutgrade.consistency.hdr_pipeline import HdrMatchReport


def are_hdr(clips: Sequence[Path]) -> bool:
    """Whether the clips that can be opened are HDR; an InputError where some are and some are not."""
    import warnings

    from lutgrade.consistency.hdr import hdr_transfer
    from lutgrade.video import open_video

    infos = []
    with warnings.catch_warnings(action="ignore"):  # said again where the clips are read
        for clip in clips:
            try:
                infos.append(open_video(clip).info)
            except LutgradeError:
                continue  # the match itself tells of it
    return hdr_transfer(infos) is not None


def match_hdr_clips(
    clips: Sequence[Path], output_dir: Path | None, method: str, sdr_only: Mapping[str, bool], **options: Any
) -> HdrMatchReport:
    """Runs `match_hdr`; `sdr_only` are options that HDR has not, with whether they were given."""
    from lutgrade.consistency.hdr_pipeline import match_hdr

    given = [name for name, used in sdr_only.items() if used]
    if given:
        raise InputError(f"{', '.join(given)}: not for HDR clips, which are matched one LUT a clip, all to one target")
    chosen = cast("Method", "mkl" if method == "auto" else method)
    return match_hdr(clips, output_dir, method=chosen, **options)


def show_hdr(report: HdrMatchReport) -> None:
    """Prints what was written and how consistent it is."""
    for clip in report.clips:
        typer.echo(f"{'copied ' if clip.cube is None else 'graded '} {clip.output}")
    typer.echo(f"report  {report.json}")
    before, after = report.before, report.after
    for label, pairs in (("before", before), ("after", after)):
        if pairs:
            (a, b), worst = max(pairs.items(), key=lambda pair: pair[1])
            typer.echo(f"{label:7} Delta E ITP {worst:.2f} between {a} and {b}, in {report.transfer}")
    for name, reason in report.failed.items():
        typer.echo(f"failed  {name}: {reason}", err=True)
