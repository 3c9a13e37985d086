"""The report of a match as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.results import MatchedUnit

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;margin:.6em 0 1.6em}
th,td{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{display:block;height:180px}.bad{color:#b00020}
th{vertical-align:bottom}td{overflow-wrap:anywhere}
.good{color:#1b6e3c}h2{margin-top:1.6em}figure{margin:0}figcaption,.small{color:#666;font-size:13px}
"""
_NUMBER = re.compile(r"-?[\d.]+(?: (?:&plusmn;|to) [\d.]+)?")
_PLOT = 380  # pixels a side
_LABEL = 13  # pixels from label to label
_HEIGHT = 180  # pixels of an embedded picture


def as_html(facts: dict[str, Any], units: Sequence[MatchedUnit]) -> str:
    """The report from its plain values and the pictures of its units."""
    verdict = "consistent" if facts["passed"] else "not consistent"
    body = [
        "<h1>Clip consistency</h1>",
        f'<p class="{"good" if facts["passed"] else "bad"}"><b>The clips are {verdict}</b>: {_worst(facts)}.</p>',
        f"<p>Matched to <b>{escape(facts['target'])}</b> by <b>{escape(facts['method'])}</b> at strength "
        f"{facts['strength']:g}.</p>",
        *(f'<p class="bad">{escape(note)}</p>' for note in facts["notes"]),
        *(f'<p class="bad">{escape(name)} failed: {escape(why)}</p>' for name, why in facts["failed"].items()),
        "<h2>Before and after</h2>",
        _pictures(units),
        "<h2>Mean colours</h2>",
        _plot(units, facts["axes"]),
        "<h2>Pairs</h2>",
        f'<p class="small">{facts["unit"]} between mean colours, and the mean of colours coupled by optimal transport. '
        "After is measured on the files written.</p>",
        _pairs(facts),
        "<h2>Profiles</h2>",
        _profiles(units, facts["axes"]),
        "<h2>Tries</h2>",
        _tries(facts),
        "<h2>Clips</h2>",
        _clips(facts),
        f'<p class="small">Seconds, but for this report: {escape(_joined(facts["seconds"]))}. Decode, grade and encode '
        f"overlap and are summed over the clips. {escape(_joined(facts['environment']))}.</p>",
    ]
    title = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Clip consistency</title>"
        '<link rel=icon href="data:,">'  # without it a browser asks a server for one
    )
    return (
        f"<!doctype html><html lang=en><head>{title}<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _worst(facts: dict[str, Any]) -> str:
    worst = facts["after"]["worst"]
    if worst is None:
        return "there is no pair to compare"
    return (
        f"the mean colours of the worst pair, {escape(worst['a'])} and {escape(worst['b'])}, lie "
        f"{worst['mean']:.2f} apart ({facts['unit']}; the threshold is {facts['threshold']:g})"
    )


def _pictures(units: Sequence[MatchedUnit]) -> str:
    rows = []
    several = [len({getattr(unit, what) for unit in units}) > 1 for what in ("group", "target")]
    for unit in units:
        before, after = (
            f'<img alt="{escape(unit.name)} {when}" src="{_embedded(picture)}">'
            for when, picture in zip(("before", "after"), unit.pictures, strict=True)
        )
        rows.append([_heading(unit, *several), before, after, escape(unit.note)])
    return _table(["clip", "before", "after", ""], rows)


def _heading(unit: MatchedUnit, groups: bool, targets: bool) -> str:
    """The name of a unit, its seconds, and where there are several of them its group and its target."""
    (start, stop), lines = unit.span, []
    if isfinite(start) or isfinite(stop):
        lines.append(f"{start:.2f} s" if isfinite(start) else "start")
        lines[0] += f" to {stop:.2f} s" if isfinite(stop) else " to the end"
    if groups and unit.group:
        lines.append(f"group {unit.group}")
    if targets and unit.target:
        lines.append(f"to {unit.target}")
    return f'{escape(unit.name)}<div class="small">{_lines(lines)}</div>' if lines else escape(unit.name)


def _pairs(facts: dict[str, Any]) -> str:
    after = {(pair["a"], pair["b"]): pair for pair in facts["after"]["pairs"]}
    rows = []
    for pair in facts["before"]["pairs"]:
        now = after.get((pair["a"], pair["b"]))
        means = [_number(p["mean"]) if p else "" for p in (pair, now)]
        distributions = [_number(p["distribution"]) if p else "" for p in (pair, now)]
        rows.append([escape(pair["a"]), escape(pair["b"]), *means, *distributions])
    sums = [_number(facts[when][what]) for what in ("mean", "distribution") for when in ("before", "after")]
    rows.append(["<b>mean</b>", "", *sums])
    return _table(["", "", "means before", "after", "distributions before", "after"], rows)


def _profiles(units: Sequence[MatchedUnit], axes: Sequence[str]) -> str:
    rows = []
    for unit in units:
        for when, profile in (("before", unit.before), ("after", unit.after)):
            chroma, hue = profile.cast
            rows.append(
                [
                    escape(unit.name) if when == "before" else "",
                    when,
                    *(f"{mean:.1f} &plusmn; {d:.1f}" for mean, d in zip(profile.mean, profile.deviation, strict=True)),
                    f"{profile.black_point:.1f}",
                    f"{profile.white_point:.1f}",
                    f"{chroma:.1f} {hue}",
                ]
            )
    return _table(["clip", "", *axes, "black point", "white point", "mean chroma and hue"], rows)


def _tries(facts: dict[str, Any]) -> str:
    rows = []
    for t in facts["tries"]:
        pair = " and ".join(t["worst_pair"]) if t["worst_pair"] else ""
        numbers = [_number(t[key]) for key in ("strength", "worst_mean", "mean", "distribution")]
        rows.append(
            [
                escape(t["method"]),
                *numbers,
                escape(pair),
                escape(", ".join(t["held_back"])),
                "yes" if t["below_threshold"] else "no",
            ]
        )
    header = [
        "method",
        "strength",
        "worst pair",
        "mean",
        "distributions",
        "worst pair is",
        "held back",
        "below threshold",
    ]
    return _table(header, rows)


def _clips(facts: dict[str, Any]) -> str:
    rows, clean = [], "clean" if facts["encoding"] == SDR.name else "not judged"  # what is expected is expected of SDR
    for clip in facts["clips"]:
        flicker, units = clip["flicker"], clip["units"]
        shown = f"{flicker['before']:.2f} to {flicker['after']:.2f}" if flicker else "copied" if clip["copied"] else ""
        findings = [
            f"#{number}: {finding}" if len(units) > 1 else finding
            for number, unit in enumerate(units, start=1)
            for finding in unit["quality"]
        ]
        if not any(unit["cube"] for unit in units):
            findings = ["none"]
        notes = [*clip["notes"], *([] if units else ["excluded"])]
        rows.append([escape(Path(clip["output"]).name), shown, _lines(findings) or clean, _lines(notes)])
    return _table(["file", "flicker", "LUT", "notes"], rows)


def _plot(units: Sequence[MatchedUnit], axes: Sequence[str]) -> str:
    """The two chroma axes of each clip's mean before (ring) and after (dot), joined by a line."""
    points = [(u.name, u.before.mean[1:].tolist(), u.after.mean[1:].tolist()) for u in units]
    reach = max([5.0, *(abs(v) for _, *both in points for point in both for v in point)]) * 1.15

    def at(point: Sequence[float]) -> tuple[float, float]:
        return (point[0] / reach + 1) * _PLOT / 2, (1 - point[1] / reach) * _PLOT / 2

    middle = _PLOT / 2
    parts = [
        f'<line x1="0" y1="{middle}" x2="{_PLOT}" y2="{middle}" stroke="#ddd"/>',
        f'<line x1="{middle}" y1="0" x2="{middle}" y2="{_PLOT}" stroke="#ddd"/>',
        f'<text x="{_PLOT - 26}" y="{middle - 4}" font-size="12" fill="#999">+{axes[1]}</text>',
        f'<text x="{middle + 4}" y="12" font-size="12" fill="#999">+{axes[2]}</text>',
    ]
    label_heights = _apart([at(before)[1] for _, before, _ in points])
    for (name, before, after), height in zip(points, label_heights, strict=True):
        (x, y), (u, v) = at(before), at(after)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="#bbb"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="#b00020"/>')
        parts.append(f'<circle cx="{u:.1f}" cy="{v:.1f}" r="4" fill="#1b6e3c"/>')
        inwards = f'x="{x - 8:.1f}" text-anchor="end"' if x > middle else f'x="{x + 8:.1f}"'  # names stay inside
        parts.append(f'<text {inwards} y="{height + 4:.1f}" font-size="12" fill="#444">{escape(name)}</text>')
    size = f'width="{_PLOT}" height="{_PLOT}" viewBox="0 0 {_PLOT} {_PLOT}"'
    caption = (
        f"<figcaption>Mean {axes[1]} and {axes[2]} (to &plusmn;{reach:.0f}): rings before, dots after.</figcaption>"
    )
    return f'<figure><svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>{caption}</figure>'


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of labels in pixels, moved down and then up as far as labels beside them and the lower edge need."""
    placed, order = list(heights), sorted(range(len(heights)), key=heights.__getitem__)
    free, end = 0.0, _PLOT - 5.0
    for index in order:
        placed[index] = max(placed[index], free)
        free = placed[index] + _LABEL
    for index in reversed(order):
        placed[index] = min(placed[index], end)
        end = placed[index] - _LABEL
    return placed


def _embedded(image: Tensor) -> str:
    """A picture `[3, h, w]` as a data address."""
    from lutgrade.video.drawing import to_picture

    picture = to_picture(image)
    picture.thumbnail((4 * _HEIGHT, _HEIGHT))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(content: str) -> str:
    return f"<td{' class=n' if _NUMBER.fullmatch(content) else ''}>{content}</td>"


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(map(escape, texts))


def _number(value: float) -> str:
    return f"{value:.2f}"


def _joined(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
