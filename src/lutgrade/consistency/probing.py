"""The clips before any work: which can be opened, what they are, which of them others are to match."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lutgrade.consistency.encoding import Encoding, shared_encoding
from lutgrade.consistency.naming import clip_named
from lutgrade.consistency.plan import Clip, Unit, within
from lutgrade.consistency.targets import TargetSpec
from lutgrade.errors import InputError, LutgradeError
from lutgrade.video import VideoInfo, open_video


@dataclass(frozen=True)
class Probe:
    """What clips turn out to be.

    Attributes:
        clips: with segments that fit their lengths.
        sizes: width and height of those that can be opened.
        encoding: of those that are not excluded.
        failed: those that cannot be opened, by index, and why.
    """

    clips: list[Clip]
    sizes: list[tuple[int, int]]
    encoding: Encoding
    failed: dict[int, LutgradeError]


def probe(clips: Sequence[Clip]) -> Probe:
    """Opens every clip.

    Raises:
        InputError: HDR and SDR together, a segment behind the end of its clip, or no clip that can be opened.
    """
    fitted, infos, failed = list(clips), {}, {}
    for index, clip in enumerate(clips):
        try:
            infos[index] = _info(clip.path)
        except LutgradeError as error:
            failed[index] = error
    for index, info in infos.items():
        fitted[index] = within(clips[index], info.duration)
    check_left(fitted, failed)
    encoding = shared_encoding(_matched(infos, clips))
    return Probe(fitted, [(info.width, info.height) for info in infos.values()], encoding, failed)


def _info(path: Path) -> VideoInfo:
    """What a clip is; an InputError where it is none, or none that can be written under its name."""
    with warnings.catch_warnings(action="ignore"), open_video(path) as reader:  # said while it is read
        if reader.info.kind == "video" and not path.suffix:
            raise InputError(f"{path}: the name does not say what kind of video it is; call it {path.name}.mp4 or so")
        return reader.info


def _matched(infos: Mapping[int, VideoInfo], clips: Sequence[Clip]) -> Iterable[VideoInfo]:
    return (info for index, info in infos.items() if not clips[index].exclude)


def check_left(clips: Sequence[Clip], failed: Mapping[int, LutgradeError]) -> None:
    """Raises an InputError where no clip is left to match; a LutgradeError where not the clips are to blame."""
    if any(not clip.exclude and index not in failed for index, clip in enumerate(clips)):
        return
    reasons = "; ".join(dict.fromkeys(str(error) for error in failed.values()))
    kind = InputError if all(isinstance(error, InputError) for error in failed.values()) else LutgradeError
    raise kind(f"no clip can be matched: {reasons}" if reasons else "no clip to match: all are excluded")


def with_heroes(clips: Sequence[Clip], target: TargetSpec, names: Sequence[str]) -> tuple[list[Clip], TargetSpec]:
    """The clips and the common target with `hero=CLIP` said by the clip's name in the output folder.

    Raises:
        InputError: a hero that is none of the clips, may be several, or is excluded.
    """
    paths = [clip.path for clip in clips]

    def named(spec: TargetSpec) -> TargetSpec:
        if spec.kind != "hero" or not spec.value:
            return spec
        index = clip_named(spec.value, paths)
        if clips[index].exclude:
            raise InputError(f"{paths[index]} is both excluded and the hero that clips are to match")
        return replace(spec, value=names[index])

    def with_own(clip: Clip) -> Clip:
        segments = tuple(replace(s, target=named(s.target)) if s.target else s for s in clip.segments)
        return replace(clip, segments=segments)

    return [with_own(clip) for clip in clips], named(target)


def check_chosen(
    clips: Sequence[Clip],
    target: TargetSpec,
    names: Sequence[str],
    failed: Mapping[int, LutgradeError],
    units: Sequence[Unit] = (),
) -> None:
    """Refuses to put another clip in the place of the one that was named as the target.

    Raises:
        InputError: the first clip (of a group), or a hero named, cannot be read or is black.
        LutgradeError: it failed for another reason.
    """
    black = {clip for clip in {u.clip for u in units} if all(u.profile.is_black for u in units if u.clip == clip)}
    for index, role in _chosen(clips, target, names).items():
        path, reason = clips[index].path, "it is black" if index in black else ""
        if index in failed:
            reason = str(failed[index]).removeprefix(f"{path}: ")
        if reason:
            kind = InputError if isinstance(failed.get(index, InputError()), InputError) else LutgradeError
            raise kind(f"{path} is {role} and cannot be matched to: {reason}; choose another with hero=CLIP")


def _chosen(clips: Sequence[Clip], target: TargetSpec, names: Sequence[str]) -> dict[int, str]:
    """The clips that others are to match by name or place, and as what."""
    asked = {target} | {s.target for clip in clips for s in clip.segments if s.target}
    chosen = {names.index(spec.value): "the hero" for spec in asked if spec.kind == "hero" and spec.value}
    if target.kind == "first":
        groups: dict[str | None, list[int]] = {}
        for index, clip in enumerate(clips):
            if not clip.exclude:
                groups.setdefault(clip.group, []).append(index)
        for group, members in groups.items():
            if len(members) > 1:
                chosen[members[0]] = "the first clip" if group is None else f"the first clip of {group}"
    return chosen
