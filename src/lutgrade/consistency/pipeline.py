"""`lutgrade.match`: clips in, clips out that look shot by one camera."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lutgrade.color.hdr import HDR_TRANSFERS
from lutgrade.consistency.deciding import Decision, decide, grouped, seem_unlike
from lutgrade.consistency.distance import signature
from lutgrade.consistency.measuring import measure_clips
from lutgrade.consistency.outputs import HTML, JSON, SHEET, MatchOutputs
from lutgrade.consistency.plan import Clip, MatchOptions, Unit, within
from lutgrade.consistency.rendering import Rendered, render_best
from lutgrade.consistency.report import write_reports
from lutgrade.consistency.results import MatchedClip, MatchedUnit, MatchReport
from lutgrade.consistency.run import Run
from lutgrade.consistency.store import Store, identity
from lutgrade.consistency.targets import TargetSpec
from lutgrade.consistency.tries import Bucket, consistency_of
from lutgrade.consistency.workers import Workers, how_many, workers
from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut import Lut, assess
from lutgrade.progress import Progress, silent
from lutgrade.video import open_video

RETRIED = 2  # candidates, where the files of the best miss the threshold
VISIBLE_FLICKER, FLICKER_RATIO = 0.3, 1.5  # CIEDE2000, and over that before, beyond which it is noted


def match(
    clips: Sequence[Clip | str | Path],
    output_dir: str | Path | None = None,
    *,
    target: TargetSpec | str = "average",
    overwrite: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> MatchReport:
    """Grades clips so that they match; writes clips, LUTs, a contact sheet and a report.

    Each clip is looked at once a second, matched to the target by one LUT (or one a shot), graded with sound and tags
    kept, and measured again from the file written. A clip that cannot be read or written does not stop the others.
    What was done before with the same inputs and options is not done again. Several workers are processes started
    anew, so a script that calls this does so under `if __name__ == "__main__":`.

    Args:
        clips: videos, images or folders of frames; `Clip` gives one a weight, a group or segments.
        output_dir: made if it is missing; by default `matched` beside the first clip. The clips keep their names.
        target: `average`, `first`, `brightest`, `hero`, `hero=CLIP`, `reference=FILE`, `palette=#RRGGBB,...`,
            `synthetic=L,a,b,dL,da,db` or `lut=FILE`.
        overwrite: replace files in the folder that no earlier match wrote.
        progress: shows how far each step is.
        options: the fields of `MatchOptions`: method, strength, threshold, protect_skin, groups, per_shot, ...

    Raises:
        InputError: bad options, HDR clips (`lutgrade.match_hdr` takes them), or no clip that can be read.
    """
    start, cpu = time.perf_counter(), sum(os.times()[:4])
    spec = TargetSpec.parse(target) if isinstance(target, str) else target
    settings = MatchOptions(target=spec, **options)
    asked = [clip if isinstance(clip, Clip) else Clip(Path(clip)) for clip in clips]
    outputs = MatchOutputs.plan([clip.path for clip in asked], output_dir, overwrite=overwrite)
    run = Run(asked, outputs, settings, progress, Store.at(outputs.folder), Workers(None, 1))
    sizes = _probe(run)
    with workers(how_many(sizes, settings.workers, settings.memory)) as run.workers:
        report = _match(run)
    outputs.claim([SHEET, HTML, JSON])
    timed = replace(report, seconds=run.seconds | _total(start, cpu))
    with run.step("report"):
        write_reports(timed)
    return replace(report, seconds=run.seconds | _total(start, cpu))


def _total(start: float, cpu: float) -> dict[str, float]:
    """Seconds since the start: on the clock, and of this process and those it waited for."""
    return {"total": time.perf_counter() - start, "cpu": sum(os.times()[:4]) - cpu}


def _match(run: Run) -> MatchReport:
    with run.step("profile"):
        units = measure_clips(run)
    if not units:
        raise InputError(_nothing_left(run))
    with run.step("fit"):
        units = grouped(units, run.options)
        keys = [str(identity(run.clips[unit.clip].path)) for unit in units]
        buckets, decision = decide(run.store, units, keys, run.options)
    rendered = render_best(run, decision, units, buckets)
    if decision.tries[0]["below_threshold"] and not rendered.consistency.below(run.options.threshold):
        with run.step("fit"):  # the files do not bear it out
            buckets, decision = decide(run.store, units, keys, run.options, RETRIED)
        rendered = render_best(run, decision, units, buckets)
    return _report(run, units, buckets, decision, rendered)


def _probe(run: Run) -> list[tuple[int, int]]:
    """The size of every clip that can be opened; notes those that cannot, and fits segments to lengths.

    Raises:
        InputError: HDR clips among them.
    """
    sizes, hdr = [], []
    for index, clip in enumerate(run.clips):
        try:
            with warnings.catch_warnings(action="ignore"), open_video(clip.path) as reader:  # noted while it is read
                if reader.info.transfer in HDR_TRANSFERS:
                    hdr.append(f"{clip.path} is {HDR_TRANSFERS[reader.info.transfer].name}")
                sizes.append((reader.info.width, reader.info.height))
                run.clips[index] = within(clip, reader.info.duration)
        except LutgradeError as error:
            run.failed[index] = error
    if hdr:
        raise InputError(
            f"lutgrade.match takes SDR clips, and {', '.join(hdr)}; lutgrade.match_hdr matches HDR clips of one kind"
        )
    return sizes


def _nothing_left(run: Run) -> str:
    reasons = "; ".join(str(error) for error in run.failed.values())
    return f"no clip can be matched: {reasons}" if reasons else "no clip to match: all are excluded"


def _report(
    run: Run, units: Sequence[Unit], buckets: Sequence[Bucket], decision: Decision, rendered: Rendered
) -> MatchReport:
    options, names = run.options, run.outputs.names
    before = consistency_of(buckets, {unit.name: signature(unit.profile.colors) for unit in units})
    targets = {unit.name: bucket.target.name for bucket in buckets for unit in bucket.units}
    matched = [_matched(unit, targets, rendered) for unit in units if unit.name in rendered.after]
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
        target=str(options.target),
        method=rendered.candidate.method,
        strength=rendered.candidate.strength,
        threshold=options.threshold,
        before=before,
        after=rendered.consistency,
        clips=clips,
        groups={bucket.name: [unit.name for unit in bucket.units] for bucket in buckets},
        tries=decision.tries,
        failed={names[index]: str(error) for index, error in sorted(run.failed.items())},
        options={key: value for key, value in asdict(options).items() if key != "target"},
        notes=_notes(run, units, decision, rendered),
        seconds=run.seconds,
    )


def _matched(unit: Unit, targets: dict[str, str], rendered: Rendered) -> tuple[MatchedUnit, int]:
    cube = rendered.cubes.get(unit.name)
    note = unit.kept or ("" if cube else "left as it is: it matches already")
    quality = tuple(assess(Lut.load(cube)).findings) if cube else ()
    matched = MatchedUnit(
        unit.name,
        unit.span,
        unit.group or "",
        targets.get(unit.name, ""),
        unit.profile,
        rendered.after[unit.name],
        cube,
        quality,
        note,
    )
    return matched, unit.clip


def _notes(run: Run, units: Sequence[Unit], decision: Decision, rendered: Rendered) -> tuple[str, ...]:
    """What a user should know of the match as a whole."""
    options, chosen, notes = run.options, rendered.candidate, []
    for facts in decision.tries:
        if facts["method"] == chosen.method and facts["strength"] == round(chosen.strength, 3):
            notes += [f"{name} was moved only a part of the way: {why}" for name, why in facts["held_back"].items()]
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
