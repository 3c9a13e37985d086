"""The contact sheet and the report of a grade."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from lutgrade.analysis import RETURN_SIMILARITY
from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.evaluation.cache import file_digest
from lutgrade.files import replacing
from lutgrade.lut.quality import assess
from lutgrade.provenance import environment
from lutgrade.results import GradedShot, GradeResult
from lutgrade.video.sheet import SheetRow, contact_sheet, timecode
from lutgrade.video.stills import write_still


def write_sheet(result: GradeResult, path: Path) -> None:
    """Writes the contact sheet: the key frame of every shot before and after, its match, and their scopes."""
    rate = result.content.frame_rate
    matched = {shot.matched.index for shot in result.shots}
    look = result.options["look"]
    rows = [
        SheetRow(
            f"Shot {number}",
            shot.before,
            shot.after,
            [
                f"{timecode(shot.analysed.shot.start, rate)} to {timecode(shot.analysed.shot.stop, rate)}",
                f"key frame {timecode(shot.analysed.keyframe.index, rate)}",
                f"similarity {shot.analysed.keyframe.similarity:.2f}",
                *([] if shot.takes == number - 1 else [f"graded as shot {shot.takes + 1}"]),
            ],
            shot.reference if len(matched) > 1 else None,
        )
        for number, shot in enumerate(result.shots, start=1)
    ]
    sheet = contact_sheet(
        rows,
        title=result.outputs.graded.name,
        notes=[
            f"{result.model}, strength {result.options['strength']:g}" + (f", then {look}" if look else ""),
            f"to {result.reference.name}",
        ],
        reference=result.shots[0].reference if len(matched) == 1 else None,
    )
    write_still(sheet, path)


def write_report(result: GradeResult, path: Path) -> None:
    """Writes the report as Markdown at `path` and as JSON beside it."""
    facts = report(result)
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with replacing(path) as temporary:
        # A file's name may be no text; the JSON says such bytes by escapes, too.
        temporary.write_text(as_markdown(facts), encoding="utf-8", errors="backslashreplace")


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
        "return_similarity": RETURN_SIMILARITY,
        "shots": [_shot(number, shot) for number, shot in enumerate(result.shots, start=1)],
        "cubes": {cube.name: file_digest(cube) for cube in result.cubes},  # to know them again
        "seconds": {step: round(value, 3) for step, value in result.seconds.items()},
        "warnings": result.warnings,
        "environment": environment(),
    }


def _shot(number: int, shot: GradedShot) -> dict[str, Any]:
    keyframe = shot.analysed.keyframe
    quality = assess(shot.lut)
    return {
        "shot": number,
        "graded_as": shot.takes + 1,
        "frames": [shot.analysed.shot.start, shot.analysed.shot.stop],
        "keyframe": keyframe.index,
        "keyframe_time": round(keyframe.time, 3),
        "reference_frame": shot.matched.index,
        "reference_time": round(shot.matched.time, 3),
        "similarity": round(keyframe.similarity, 4),
        "difference_to_reference": {
            "before": round(mean_difference(shot.before, shot.reference), 2),
            "after": round(mean_difference(shot.after, shot.reference), 2),
        },
        "parameters": {name: round(amount, 4) for name, amount in shot.grade.parameters.items()},
        "sharpness_after_lut": round(shot.grade.sharpness, 4),
        "cube": str(shot.cube) if shot.cube else None,
        "quality": quality.findings,
    }


def mean_difference(image: Tensor, reference: Tensor) -> float:
    """CIEDE2000 between the mean Lab colours of two images `[3, H, W]`, sRGB-encoded in [0, 1]."""
    means = [srgb_to_lab(x).mean(dim=(-2, -1), keepdim=True) for x in (image, reference)]
    return float(ciede2000(*means))


def as_markdown(facts: dict[str, Any]) -> str:
    """The report for people."""
    environment = ", ".join(f"{key} {value}" for key, value in facts["environment"].items())
    lines = [*_opening(facts), *_shot_table(facts), *_parameter_table(facts), *_quality(facts)]
    return "\n".join([*lines, f"Made with {environment}.", ""])


def _opening(facts: dict[str, Any]) -> list[str]:
    steps = ", ".join(f"{step} {value:.2f}" for step, value in facts["seconds"].items() if step != "total")
    adapted, look = facts["options"]["adapt"], facts["options"]["look"]
    return [
        f"# {Path(facts['output']).name}",
        "",
        f"{facts['content']} graded to {facts['reference']} by `{facts['model']}`"
        + (f", adapted to it for {adapted} steps," if adapted else "")
        + f" at strength {facts['options']['strength']:g}"
        + (f", then the look {look}." if look else "."),
        "",
        f"- Picture: {facts['picture']}, {facts['frames']} frames at {float(Fraction(facts['frame_rate'])):.5g} Hz",
        f"- Wall time: {facts['seconds']['total']:.2f} s ({steps}; decode, grade and encode overlap)",
        *(f"- Note: {warning}" for warning in facts["warnings"]),
        "",
    ]


def _shot_table(facts: dict[str, Any]) -> list[str]:
    lines = [
        "| shot | frames | key frame | reference frame | similarity | grade | CIEDE2000 before | after | LUT |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for shot in facts["shots"]:
        first, stop = shot["frames"]
        difference = shot["difference_to_reference"]
        lines.append(
            f"| {shot['shot']} | {first}-{stop - 1} | {shot['keyframe']} ({shot['keyframe_time']:.2f} s) | "
            f"{shot['reference_frame']} ({shot['reference_time']:.2f} s) | {shot['similarity']:.3f} | "
            f"{'its own' if _has_own(shot) else 'that of shot ' + str(shot['graded_as'])} | "
            f"{difference['before']:.2f} | {difference['after']:.2f} | "
            f"{Path(shot['cube']).name if shot['cube'] else ''} |"
        )
    lines += [
        "",
        "CIEDE2000 is between the mean colours of the shot's key frame and of its reference frame, before and after.",
    ]
    if not all(map(_has_own, facts["shots"])):
        lines.append(
            f"A shot whose features are {facts['return_similarity']:g} alike or more to those of an earlier one "
            f"(`{facts['options']['selector']}`, cosine) has its grade."
        )
    return [*lines, ""]


def _parameter_table(facts: dict[str, Any]) -> list[str]:
    """The named parameters of every distinct grade, where the model has any."""
    shots = [shot for shot in facts["shots"] if _has_own(shot) and shot["parameters"]]
    if not shots:
        return []
    names = list(shots[0]["parameters"])
    lines = ["## Parameters", "", f"| shot | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for shot in shots:
        amounts = " | ".join(f"{amount:.3f}" for amount in shot["parameters"].values())
        lines.append(f"| {shot['shot']} | {amounts} |")
    by_hand = ", ".join(facts["options"]["parameters"])
    return [*lines, "", "At strength 1." + (f" Set by hand: {by_hand}." if by_hand else ""), ""]


def _quality(facts: dict[str, Any]) -> list[str]:
    lines = ["## LUT quality", ""]
    for shot in filter(_has_own, facts["shots"]):
        lines += [f"Shot {shot['shot']}: " + ("; ".join(shot["quality"]) or "clean"), ""]
    return lines


def _has_own(shot: dict[str, Any]) -> bool:
    return shot["graded_as"] == shot["shot"]
