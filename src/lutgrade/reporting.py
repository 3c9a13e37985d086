"""The contact sheet and the report of a grade."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import lutgrade
from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.files import replacing
from lutgrade.lut.quality import assess
from lutgrade.results import GradedShot, GradeResult
from lutgrade.video.sheet import SheetRow, contact_sheet, timecode
from lutgrade.video.stills import write_still


def write_sheet(result: GradeResult, path: Path) -> None:
    """Writes the contact sheet: the key frame of every shot before and after, its match, and their scopes."""
    rate = result.content.frame_rate
    matched = {shot.analysed.keyframe.reference for shot in result.shots}
    rows = [
        SheetRow(
            f"Shot {number}",
            shot.before,
            shot.after,
            [
                f"{timecode(shot.analysed.shot.start, rate)} to {timecode(shot.analysed.shot.stop, rate)}",
                f"key frame {timecode(shot.analysed.keyframe.index, rate)}",
                f"similarity {shot.analysed.keyframe.similarity:.2f}",
            ],
            shot.reference if len(matched) > 1 else None,
        )
        for number, shot in enumerate(result.shots, start=1)
    ]
    sheet = contact_sheet(
        rows,
        title=result.outputs.graded.name,
        notes=[f"{result.model}, strength {result.options['strength']:g}", f"to {result.reference.name}"],
        reference=result.shots[0].reference if len(matched) == 1 else None,
    )
    write_still(sheet, path)


def write_report(result: GradeResult, path: Path) -> None:
    """Writes the report as Markdown at `path` and as JSON beside it."""
    facts = report(result)
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with replacing(path) as temporary:
        temporary.write_text(as_markdown(facts), encoding="utf-8")


def report(result: GradeResult) -> dict[str, Any]:
    """Everything that the report says, as plain values."""
    info = result.content
    return {
        "content": str(info.path),
        "reference": str(result.reference),
        "output": str(result.outputs.graded),
        "model": result.model,
        "options": result.options,
        "frames": result.frames,
        "picture": f"{info.width}x{info.height}, {info.codec} {info.pixel_format}, {info.matrix}, "
        f"{'full' if info.full_range else 'limited'} range",
        "frame_rate": str(info.frame_rate),
        "shots": [_shot(shot, float(info.frame_rate)) for shot in result.shots],
        "seconds": {step: round(value, 3) for step, value in result.seconds.items()},
        "warnings": result.warnings,
        "environment": environment(),
    }


def _shot(shot: GradedShot, frame_rate: float) -> dict[str, Any]:
    keyframe = shot.analysed.keyframe
    quality = assess(shot.lut)
    return {
        "frames": [shot.analysed.shot.start, shot.analysed.shot.stop],
        "keyframe": keyframe.index,
        "keyframe_time": round(keyframe.time, 3),
        "reference_frame": keyframe.reference,
        "similarity": round(keyframe.similarity, 4),
        "difference_to_reference": {
            "before": round(mean_difference(shot.before, shot.reference), 2),
            "after": round(mean_difference(shot.after, shot.reference), 2),
        },
        "cube": str(shot.cube) if shot.cube else None,
        "quality": quality.findings,
    }


def mean_difference(image: Tensor, reference: Tensor) -> float:
    """CIEDE2000 between the mean Lab colours of two images `[3, H, W]`, sRGB-encoded in [0, 1]."""
    means = [srgb_to_lab(x).mean(dim=(-2, -1), keepdim=True) for x in (image, reference)]
    return float(ciede2000(*means))


def environment() -> dict[str, str]:
    """What made a result: versions, the commit where one is known, the machine."""
    return {
        "lutgrade": lutgrade.__version__,
        "commit": _commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _commit() -> str:
    here = Path(__file__).resolve().parent
    try:
        run = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip()


def as_markdown(facts: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"# {Path(facts['output']).name}",
        "",
        f"{facts['content']} graded to {facts['reference']} by `{facts['model']}`"
        f" at strength {facts['options']['strength']:g}.",
        "",
        f"- Picture: {facts['picture']}, {facts['frames']} frames at {facts['frame_rate']} Hz",
        f"- Wall time: {facts['seconds']['total']:.2f} s ("
        + ", ".join(f"{step} {value:.2f}" for step, value in facts["seconds"].items() if step != "total")
        + "; decode, grade and encode overlap)",
        *(f"- Note: {warning}" for warning in facts["warnings"]),
        "",
        "| shot | frames | key frame | reference frame | similarity | CIEDE2000 before | after | LUT |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, shot in enumerate(facts["shots"], start=1):
        first, stop = shot["frames"]
        difference = shot["difference_to_reference"]
        lines.append(
            f"| {number} | {first}-{stop - 1} | {shot['keyframe']} | {shot['reference_frame']} | "
            f"{shot['similarity']:.3f} | {difference['before']:.2f} | {difference['after']:.2f} | "
            f"{Path(shot['cube']).name if shot['cube'] else ''} |"
        )
    lines += [
        "",
        "CIEDE2000 is between the mean colours of the shot's key frame and of its reference frame, before and after.",
        "",
        "## LUT quality",
        "",
    ]
    for number, shot in enumerate(facts["shots"], start=1):
        lines += [f"Shot {number}: " + ("; ".join(shot["quality"]) or "clean"), ""]
    environment = ", ".join(f"{key} {value}" for key, value in facts["environment"].items())
    return "\n".join([*lines, f"Made with {environment}.", ""])
