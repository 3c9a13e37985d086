"""What a match came to, gathered for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lutgrade.consistency.deciding import Decision, seem_unlike
from lutgrade.consistency.distance import Consistency
from lutgrade.consistency.plan import Unit
from lutgrade.consistency.rendering import Rendered
from lutgrade.consistency.results import MatchedClip, MatchedUnit, MatchReport
from lutgrade.consistency.run import Run
from lutgrade.consistency.tries import Bucket, consistency_of, settled_units
from lutgrade.lut import assess

VISIBLE_FLICKER, FLICKER_RATIO = 0.3, 1.5  # of a difference, and over that before, beyond which it is noted


def summarise(
    run: Run, units: Sequence[Unit], buckets: Sequence[Bucket], decision: Decision, rendered: Rendered
) -> MatchReport:
    """The report of a match whose files are written."""
    options, names = run.options, run.outputs.names
    before = consistency_of(buckets, {unit.name: unit.profile.signature for unit in units})
    of_unit = {unit.name: bucket for bucket in buckets for unit in bucket.units}
    held = _chosen_try(decision, rendered).get("held_back", {})
    matched = [_matched(u, of_unit.get(u.name), held, rendered) for u in units if u.name in rendered.after]
    clips = tuple(
        MatchedClip(
            names[index],
            run.clips[index].path,
            run.outputs.path(index),
            tuple(m for m, clip in matched if clip == index),
            facts["copied"],
            facts["frames"],
            facts["flicker"],
            tuple(run.notes.get(index, [])),
        )
        for index, facts in rendered.clips.items()
        if index not in run.failed
    )
    return MatchReport(
        output_dir=run.outputs.folder,
        encoding=run.encoding,
        target=str(options.target),
        method=rendered.candidate.method,
        strength=rendered.candidate.strength,
        threshold=options.threshold,
        before=before,
        after=rendered.consistency,
        clips=clips,
        groups={bucket.name: [unit.name for unit in bucket.units] for bucket in buckets},
        tries=decision.tries,
        failed={
            names[index]: str(error).removeprefix(f"{run.clips[index].path}: ")
            for index, error in sorted(run.failed.items())
        },
        options=_options(run),
        notes=_notes(run, units, decision, before, rendered),
        seconds=run.seconds,
    )


def _options(run: Run) -> dict[str, Any]:
    """What was asked for, beside the target."""
    named = list(zip(run.outputs.names, run.clips, strict=True))
    weights = {name: clip.weight for name, clip in named if clip.weight != 1}
    excluded = [name for name, clip in named if clip.exclude]
    asked = {key: value for key, value in asdict(run.options).items() if key != "target"}
    return asked | {"weights": weights, "excluded": excluded}


def _matched(unit: Unit, bucket: Bucket | None, held: Mapping[str, str], rendered: Rendered) -> tuple[MatchedUnit, int]:
    cube = rendered.cubes.get(unit.name)
    judged = cube is not None and not unit.profile.encoding.is_hdr  # what is expected of a LUT is expected of SDR's
    quality = tuple(assess(rendered.candidate.luts[unit.name]).findings) if cube and judged else ()
    note = unit.kept or (
        held.get(unit.name, "") if cube else _why_left(unit, bucket, held, rendered.candidate.strength)
    )
    matched = MatchedUnit(
        unit.name,
        unit.span,
        unit.group or "",
        bucket.target.name if bucket else "",
        unit.profile,
        rendered.after[unit.name],
        cube,
        quality,
        note,
    )
    return matched, unit.clip


def _why_left(unit: Unit, bucket: Bucket | None, held: Mapping[str, str], strength: float) -> str:
    """Why a unit that was to be matched has no LUT."""
    if unit.name in held:
        return held[unit.name]
    why = "what the method changes is not seen"
    if strength == 0:
        why = "the strength is 0"
    elif bucket is not None and len(bucket.units) == 1 and not bucket.target.outside:
        why = "there is no other to match it with"
    elif bucket is not None and bucket.target.kept == unit.name:
        why = "it is the target"
    elif bucket is not None and unit.name in settled_units(bucket):
        why = "it matches already"
    return f"left as it is: {why}"


def _chosen_try(decision: Decision, rendered: Rendered) -> dict[str, Any]:
    """What is known of the try that was rendered."""
    chosen = (rendered.candidate.method, round(rendered.candidate.strength, 3))
    return next((facts for facts in decision.tries if (facts["method"], facts["strength"]) == chosen), {})


def _notes(
    run: Run, units: Sequence[Unit], decision: Decision, before: Consistency, rendered: Rendered
) -> tuple[str, ...]:
    """What a user should know of the match as a whole."""
    options, held = run.options, _chosen_try(decision, rendered).get("held_back", {})
    notes = [f"{name} was {what}" for name, what in held.items()]
    was, now = before.worst, rendered.consistency.worst
    if was is not None and now is not None and was.mean < min(now.mean, options.threshold):
        notes.append(f"the clips matched before: the worst pair was {was.mean:.2f} apart, and is {now.mean:.2f} now")
    if rendered.consistency.distribution > options.threshold and options.groups == "none":
        unlike = seem_unlike([unit for unit in units if unit.name in rendered.after])
        listed = "; ".join(", ".join(names) for names in unlike)
        notes += [f"these seem to show unlike things, which --groups auto matches apart: {listed}"] if unlike else []
    for index, facts in rendered.clips.items():
        flicker = facts["flicker"] or {"before": 0.0, "after": 0.0}
        if flicker["after"] > max(VISIBLE_FLICKER, FLICKER_RATIO * flicker["before"]):
            name = run.outputs.names[index]
            notes.append(
                f"{name} flickers more than it did: {flicker['before']:.2f} before, {flicker['after']:.2f} after"
            )
    return tuple(notes)
