"""The contact sheet of a match, and its report as JSON and as one HTML file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lutgrade.consistency.html import as_html
from lutgrade.consistency.results import MatchedClip, MatchedUnit, MatchReport
from lutgrade.files import replacing
from lutgrade.provenance import environment
from lutgrade.video.sheet import SheetRow, contact_sheet
from lutgrade.video.stills import write_still


def write_reports(report: MatchReport) -> None:
    """Writes the sheet, the JSON and the HTML into the folder of the match."""
    facts = as_dict(report)
    units = [unit for clip in report.clips for unit in clip.units]
    with ThreadPoolExecutor() as pool:
        sheet = pool.submit(_write_sheet, report, units)  # mostly scaling and compressing, beside the HTML's
        with replacing(report.json) as temporary:
            temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        with replacing(report.html) as temporary:
            temporary.write_text(as_html(facts, units), encoding="utf-8")
        sheet.result()


def as_dict(report: MatchReport) -> dict[str, Any]:
    """Everything that the report says, as plain values."""
    return {
        "encoding": report.encoding.name,
        "unit": report.encoding.unit,
        "axes": list(report.encoding.axes),
        "target": report.target,
        "method": report.method,
        "strength": report.strength,
        "threshold": report.threshold,
        "passed": report.passed,
        "exit_code": report.exit_code,
        "before": report.before.as_dict(),
        "after": report.after.as_dict(),
        "groups": report.groups,
        "clips": [_clip(clip) for clip in report.clips],
        "failed": report.failed,
        "tries": list(report.tries),
        "notes": list(report.notes),
        "options": report.options,
        "seconds": {step: round(value, 3) for step, value in report.seconds.items()},
        "environment": environment(),
    }


def _clip(clip: MatchedClip) -> dict[str, Any]:
    return {
        "name": clip.name,
        "input": str(clip.path),
        "output": str(clip.output),
        "copied": clip.copied,
        "frames": clip.frames,
        "flicker": clip.flicker,
        "notes": list(clip.notes),
        "units": [_unit(unit) for unit in clip.units],
    }


def _unit(unit: MatchedUnit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "span": [None if abs(edge) == float("inf") else edge for edge in unit.span],
        "group": unit.group,
        "target": unit.target,
        "cube": str(unit.cube) if unit.cube else None,
        "note": unit.note,
        "quality": list(unit.quality),
        "before": unit.before.as_dict(),
        "after": unit.after.as_dict(),
    }


def _write_sheet(report: MatchReport, units: list[MatchedUnit]) -> None:
    if not units:
        return
    rows = [SheetRow(unit.name, *unit.pictures, _small_print(unit)) for unit in units]
    before, after = report.before.worst, report.after.worst
    notes = [f"to {report.target}, {report.method} at strength {report.strength:g}"]
    if before and after:
        notes.append(f"worst pair: {report.encoding.unit} {before.mean:.1f} before, {after.mean:.1f} after")
    write_still(contact_sheet(rows, title=report.output_dir.name, notes=notes), report.sheet)


def _small_print(unit: MatchedUnit) -> list[str]:
    lines = [f"group {unit.group}"] if unit.group != "all" else []
    for when, profile in (("before", unit.before), ("after", unit.after)):
        (i, j, k), (lightness, a, b) = profile.encoding.axes, profile.mean.tolist()
        lines.append(f"{when} {i} {lightness:.0f}, {j} {a:+.0f}, {k} {b:+.0f}")
    return [*lines, *([unit.note] if unit.note else [])]
