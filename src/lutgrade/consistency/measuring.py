"""The first step of a match: what every clip's colours are, a unit for each of its spans."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from lutgrade.consistency.plan import Clip, Unit, spans_of, target_of
from lutgrade.consistency.profiles import WHOLE, Profile, Span
from lutgrade.consistency.run import Run
from lutgrade.consistency.store import identity, key_of, profile_key
from lutgrade.consistency.targets import TargetSpec
from lutgrade.consistency.tasks import find_shots, profile_clip


def measure_clips(run: Run) -> list[Unit]:
    """The units of all clips that are not excluded and can be read, in the order of the clips."""
    wanted = {i: clip for i, clip in enumerate(run.clips) if not clip.exclude and i not in run.failed}
    spans = {i: spans_of(clip, shots) for (i, clip), shots in zip(wanted.items(), _shots(run, wanted), strict=True)}
    profiles = profile_all(run, "profile", {i: (wanted[i].path, spans[i]) for i in wanted if i not in run.failed})
    units = []
    for index, of_clip in profiles.items():
        for number, (span, reach, profile) in enumerate(_held(spans[index], of_clip)):
            target = target_of(run.clips[index], span, run.options.target)
            units.append(_unit(run, index, number, reach, profile, target, len(of_clip)))
    return units


def profile_all(run: Run, step: str, files: Mapping[int, tuple[Path, list[Span]]]) -> dict[int, dict[int, Profile]]:
    """The profiles of the spans of each clip's file by number, read from the store where they are known."""
    options, encoding = run.options, run.encoding
    keys = {i: profile_key(*file, options.every, options.matrix, encoding.name) for i, file in files.items()}
    found = {i: run.store.read_profiles(key, encoding) for i, key in keys.items()}
    shared = (options.every, options.matrix, encoding.name)
    jobs = {i: (run.store.folder, keys[i], *files[i], *shared) for i in files if found[i] is None}
    for i, done in run.of_clips(step, profile_clip, jobs):
        found[i] = run.store.read_profiles(keys[i], encoding)
        run.store.write_json("notes", keys[i], {"notes": done.notes})
    if step == "profile":  # of the files written there is nothing to say that is not said of the clips
        for i, key in keys.items():
            run.note(i, (run.store.read_json("notes", key) or {"notes": []})["notes"])
    return {i: profiles for i, profiles in found.items() if profiles is not None and i not in run.failed}


def _shots(run: Run, clips: Mapping[int, Clip]) -> list[list[Span]]:
    """The shots of each clip; the whole clip where it is not cut into shots."""
    if not run.options.per_shot:
        return [[WHOLE]] * len(clips)
    matrix = run.options.matrix
    keys = {i: key_of("shots", identity(clip.path), matrix) for i, clip in clips.items()}
    missing = [i for i, key in keys.items() if run.store.read_json("shots", key) is None]
    list(run.of_clips("shots", find_shots, {i: (run.store.folder, keys[i], clips[i].path, matrix) for i in missing}))
    cuts = [(run.store.read_json("shots", key) or {"cuts": []})["cuts"] for key in keys.values()]
    return [list(zip([WHOLE[0], *of_clip], [*of_clip, WHOLE[1]], strict=True)) for of_clip in cuts]


def _held(spans: list[Span], profiles: Mapping[int, Profile]) -> list[tuple[Span, Span, Profile]]:
    """The spans that hold a frame, as they are and as far as the next such one, with their profiles.

    Between a cut and the edge of a segment that was meant to be there, there may be none.
    """
    edges = [spans[0][0], *(spans[number][0] for number in list(profiles)[1:]), spans[-1][1]]
    return [(spans[n], reach, profile) for (n, profile), reach in zip(profiles.items(), pairwise(edges), strict=True)]


def _unit(
    run: Run, index: int, number: int, span: Span, profile: Profile, target: TargetSpec | None, count: int
) -> Unit:
    clip = run.clips[index]
    name = run.outputs.names[index] + (f" #{number + 1}" if count > 1 else "")
    return Unit(name, index, run.outputs.names[index], number, span, profile, target, clip.weight, clip.group)
