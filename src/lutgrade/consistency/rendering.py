"""The last steps of a match: the LUTs written and applied, and the files they give measured again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutgrade.consistency.deciding import Candidate, Decision
from lutgrade.consistency.distance import Consistency
from lutgrade.consistency.measuring import profile_all
from lutgrade.consistency.plan import Unit
from lutgrade.consistency.profiles import Profile, Span
from lutgrade.consistency.run import Run
from lutgrade.consistency.store import identity, key_of
from lutgrade.consistency.tasks import RenderJob, render_clip
from lutgrade.consistency.tries import Bucket, consistency_of
from lutgrade.lut import Lut

WORK = ("decode", "grade", "encode")


@dataclass(frozen=True, eq=False)
class Rendered:
    """One candidate on files.

    Attributes:
        clips: what `render_clip` says of each clip.
        after: the profile of each unit in the files.
        cubes: the LUT file of each unit that has one.
        consistency: of the files.
    """

    candidate: Candidate
    clips: Mapping[int, dict[str, Any]]
    after: Mapping[str, Profile]
    cubes: Mapping[str, Path]
    consistency: Consistency


def render_best(run: Run, decision: Decision, units: Sequence[Unit], buckets: Sequence[Bucket]) -> Rendered:
    """Renders the candidates until the files of one are below the threshold; of several the best ends up on disk."""
    best: Rendered | None = None
    last: Rendered | None = None
    for candidate in decision.candidates:
        last = render_one(run, candidate, units, buckets)
        if best is None or _worst(last) < _worst(best):
            best = last
        if last.consistency.below(run.options.threshold):
            break
    assert best is not None
    return best if best is last else render_one(run, best.candidate, units, buckets)


def render_one(run: Run, candidate: Candidate, units: Sequence[Unit], buckets: Sequence[Bucket]) -> Rendered:
    """Renders a candidate, as far as that is not done, and measures its files."""
    with run.step("render"):
        cubes = _write_cubes(run, candidate, units)
        clips = _render_clips(run, units, cubes)
    with run.step("verify"):
        after = _after(run, units, clips)
    present = [_present(bucket, after) for bucket in buckets]
    signatures = {name: profile.signature for name, profile in after.items()}
    return Rendered(candidate, clips, after, cubes, consistency_of(present, signatures))


def _worst(rendered: Rendered) -> float:
    worst = rendered.consistency.worst
    return worst.mean if worst else 0.0


def _present(bucket: Bucket, after: Mapping[str, Profile]) -> Bucket:
    """A bucket without the units that could not be written."""
    return Bucket(bucket.name, tuple(unit for unit in bucket.units if unit.name in after), bucket.target)


def _write_cubes(run: Run, candidate: Candidate, units: Sequence[Unit]) -> dict[str, Path]:
    """Writes the LUT of every unit that has one other than the identity."""
    counts = _spans(units)
    changed = {unit.name: lut for unit in units if (lut := candidate.luts.get(unit.name)) and not _is_identity(lut)}
    paths = {
        unit.name: run.outputs.cube(unit.clip, unit.number, len(counts[unit.clip]))
        for unit in units
        if unit.name in changed
    }
    run.outputs.claim([path.name for path in paths.values()])
    run.outputs.forget_cubes(list(paths.values()))
    for name, path in paths.items():
        Lut(changed[name].table, title=f"{name} {candidate.method}").save(path)
    run.outputs.sign_cubes(list(paths.values()))
    return paths


def _render_clips(run: Run, units: Sequence[Unit], cubes: Mapping[str, Path]) -> dict[int, dict[str, Any]]:
    """What came of each clip, rendered unless the same was before."""
    options = run.options
    jobs: dict[int, RenderJob] = {}
    spans = _spans(units)
    for index, clip in enumerate(run.clips):
        if index in run.failed:
            continue
        own = {unit.number: unit for unit in units if unit.clip == index}
        jobs[index] = RenderJob(
            clip.path,
            run.outputs.path(index),
            tuple(spans.get(index, ())),
            tuple(cubes.get(own[n].name) for n in sorted(own)),
            options.nodes,
            options.interpolation,
            options.matrix,
            run.encoding.name,
            run.store.folder,
            options.every,
        )
    keys = {index: _key(job) for index, job in jobs.items()}
    done = {index: found for index, key in keys.items() if (found := _done(run, jobs[index], key)) is not None}
    run.outputs.claim([job.output.name for job in jobs.values()])
    for index, ended in run.of_clips("grade", render_clip, {i: (job,) for i, job in jobs.items() if i not in done}):
        done[index] = {"result": ended.result, "notes": ended.notes, "written": identity(jobs[index].output)}
        run.store.write_json("render", keys[index], done[index])
        for work in WORK:
            run.seconds[work] = run.seconds.get(work, 0.0) + ended.result["seconds"].get(work, 0.0)
    for index, record in done.items():
        run.note(index, record["notes"])
    return {index: done[index]["result"] for index in sorted(done)}


def _key(job: RenderJob) -> str:
    tables = [None if cube is None else hashlib.sha256(cube.read_bytes()).hexdigest() for cube in job.cubes]
    return key_of(
        "render", identity(job.source), str(job.output.resolve()), job.spans, tables, job.interpolation, job.matrix
    )


def _done(run: Run, job: RenderJob, key: str) -> dict[str, Any] | None:
    """The record of a render before, where its file is still as it was written."""
    record = run.store.read_json("render", key)
    if record is None or not job.output.exists() or record["written"] != _plain(identity(job.output)):
        return None
    return record


def _plain(value: list[object]) -> object:
    """As it reads back from JSON, which has no tuples."""
    import json

    return json.loads(json.dumps(value))


def _after(run: Run, units: Sequence[Unit], clips: Mapping[int, dict[str, Any]]) -> dict[str, Profile]:
    """The profile of each unit in the files; that of a copy is known."""
    spans = _spans(units)
    files = {i: (run.outputs.path(i), spans[i]) for i in spans if i in clips and not clips[i]["copied"]}
    profiles = profile_all(run, "verify", files)
    after: dict[str, Profile] = {}
    for unit in units:
        if unit.number in profiles.get(unit.clip, {}):
            after[unit.name] = profiles[unit.clip][unit.number]
        elif unit.clip in clips and clips[unit.clip]["copied"]:
            after[unit.name] = unit.profile
    return after


def _spans(units: Sequence[Unit]) -> dict[int, list[Span]]:
    spans: dict[int, list[Span]] = {}
    for unit in units:
        spans.setdefault(unit.clip, []).append(unit.span)
    return spans


def _is_identity(lut: Lut) -> bool:
    return bool((lut.table == Lut.identity(lut.size).table).all())
