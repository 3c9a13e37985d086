"""Clips joined into one sequence, each faded into the next, pictures and sound."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import torch
from av.container import OutputContainer
from torch import Tensor

from lutgrade.color.hdr import HDR_TRANSFERS
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import check_writable, replacing
from lutgrade.overlap import Stage
from lutgrade.video.convert import LUMA_WEIGHTS
from lutgrade.video.encoding import Encoding, choose_encoding
from lutgrade.video.info import Frame, VideoInfo
from lutgrade.video.layout import layout_of
from lutgrade.video.reader import open_video
from lutgrade.video.sound import SoundTrack, crossfaded
from lutgrade.video.sound_format import SoundFormat, sound_format
from lutgrade.video.timeline import Timeline, at_rate, count_frames, fit
from lutgrade.video.track import PictureTrack

QUEUE = 3  # frames between two stages


def ungraded(frame: Frame) -> Tensor:
    """The picture of a frame as it is."""
    return frame.image


@dataclass(frozen=True)
class JoinClip:
    """A clip of a sequence, and what turns its frames into graded images `[3, H, W]` of their own size."""

    path: Path
    grade: Callable[[Frame], Tensor] = ungraded


@dataclass(frozen=True)
class JoinPlan:
    """What a sequence will be: its clips on one clock, its size, encoding and sound."""

    infos: tuple[VideoInfo, ...]
    timeline: Timeline
    encoding: Encoding
    sound: SoundFormat | None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), those of the first clip."""
        return self.infos[0].width, self.infos[0].height

    @property
    def frames(self) -> int:
        """Of the whole sequence."""
        return self.timeline.ends[-1]

    @property
    def has_alpha(self) -> bool:
        """Whether alpha is written: that of the first clip's encoding."""
        return layout_of(self.encoding.pixel_format).has_alpha

    def aspect(self, index: int) -> Fraction:
        """The shape of a clip's pixels over that of the sequence's."""
        return self.infos[index].sample_aspect_ratio / self.infos[0].sample_aspect_ratio


def lay_out(
    clips: Sequence[Path], *, crossfade: float = 0.5, matrix: str | None = None
) -> tuple[tuple[VideoInfo, ...], Timeline]:
    """What clips are, and when each begins and ends in their sequence; see `plan_join`."""
    if not clips:
        raise InputError("there is no clip to join")
    if not 0 <= crossfade < math.inf:
        raise InputError(f"a cross-fade lasts 0 seconds or more, not {crossfade:g}")
    infos = tuple(open_video(clip, matrix=matrix).info for clip in clips)
    _check_alike(infos)
    rate = infos[0].frame_rate
    counts = tuple(count_frames(info, rate) for info in infos)
    timeline = Timeline(counts, round(crossfade * rate) if len(clips) > 1 else 0, rate)
    timeline.check(clips)
    return infos, timeline


def plan_join(
    clips: Sequence[Path],
    output: Path,
    *,
    crossfade: float = 0.5,
    matrix: str | None = None,
    codec: str | None = None,
    pixel_format: str | None = None,
    quality: float | None = None,
) -> JoinPlan:
    """How clips are joined: in the size, shape, frame rate, encoding and tags of the first.

    Args:
        clips: videos, in order.
        output: a video by its suffix.
        crossfade: seconds that each clip fades into the next, rounded to frames; 0 cuts.
        matrix: the YUV matrix of all clips, instead of what they say.
        codec, pixel_format, quality: as `VideoWriter`.

    Raises:
        InputError: no clip, an image, HDR and SDR or two kinds of HDR together, a clip that is too short for its
            cross-fades, or an output that cannot be written.
    """
    check_writable(output)
    if any(output.exists() and clip.exists() and output.samefile(clip) for clip in clips):
        raise InputError(f"cannot write {output}: it is one of the clips; give another path")
    infos, timeline = lay_out(clips, crossfade=crossfade, matrix=matrix)
    encoding = sequence_encoding(infos[0], output, codec=codec, pixel_format=pixel_format, quality=quality)
    sounds = (sound_format(clip, output) for clip in clips)
    return JoinPlan(infos, timeline, encoding, next(filter(None, sounds), None))


def sequence_encoding(
    first: VideoInfo,
    output: Path,
    *,
    codec: str | None = None,
    pixel_format: str | None = None,
    quality: float | None = None,
) -> Encoding:
    """How a sequence is encoded, after its first clip; an InputError where the kind of file holds no such encoding."""
    return choose_encoding(
        first,
        lambda encoder: container_holds(output, encoder),
        (first.width, first.height),
        codec=codec,
        pixel_format=pixel_format,
        quality=quality,
    )


def join(
    clips: Sequence[JoinClip],
    output: str | Path,
    *,
    crossfade: float = 0.5,
    matrix: str | None = None,
    codec: str | None = None,
    pixel_format: str | None = None,
    quality: float | None = None,
    advance: Callable[[], None] = lambda: None,
) -> JoinPlan:
    """Joins clips into one file, from their sources in one generation; see `plan_join`.

    Pictures of another size are scaled to fit with black around them, other frame rates repeat or drop frames, other
    sample rates and channels are resampled. Fades mix encoded values, as FFmpeg's `xfade`; sound fades at equal power.
    Memory does not grow with the clips' length; the file appears under its name when it is whole.

    Args:
        advance: called once a frame, for a progress bar.

    Raises:
        InputError: as `plan_join`, or a clip that is damaged.
        LutgradeError: the disk is full, or the encoder fails.
    """
    output = Path(output)
    paths = [clip.path for clip in clips]
    encoding = {"codec": codec, "pixel_format": pixel_format}
    plan = plan_join(paths, output, crossfade=crossfade, matrix=matrix, quality=quality, **encoding)
    for note in plan.encoding.notes:
        warnings.warn(f"{output}: {note}", stacklevel=2)
    if plan.sound is None and any(info.has_audio for info in plan.infos):
        warnings.warn(f"{output}: the sound of the clips is left out, {output.suffix} cannot hold it", stacklevel=2)
    rate = plan.timeline.rate
    info = replace(plan.infos[0], frame_rate=rate, time_base=1 / rate, frames=plan.frames)
    try:
        with replacing(output) as temporary, av.open(str(temporary.absolute()), "w") as container:
            track = PictureTrack(container, plan.encoding, info, plan.size)
            sound = _sound_track(container, plan)
            with Stage(_pictures(clips, plan), depth=QUEUE, name="join") as pictures:
                for index, picture in enumerate(pictures):
                    time = float(index / rate)
                    alpha = picture[3:] if plan.has_alpha else None
                    container.mux(track.encode(Frame(picture[:3], index, index, time, duration=1, alpha=alpha)))
                    if sound is not None:
                        sound.advance(float((index + 1) / rate))
                    advance()
            container.mux(track.flush())
            if sound is not None:
                sound.finish()
    except av.FFmpegError as error:
        raise LutgradeError(f"cannot write {output}: {error.strerror}") from error
    return plan


def _pictures(clips: Sequence[JoinClip], plan: JoinPlan) -> Iterator[Tensor]:
    """Every picture `[3, H, W]` of the sequence, `[4, H, W]` with alpha."""
    overlap, last = plan.timeline.overlap, len(clips) - 1
    leaving: Iterator[Tensor] = iter(())
    for i, clip in enumerate(clips):
        entering = _conformed(clip, plan, i)
        fades = 0 if i == 0 else overlap
        for step in range(fades):
            yield torch.lerp(next(leaving), next(entering), step / overlap)
        for _ in range(plan.timeline.counts[i] - fades - (0 if i == last else overlap)):
            yield next(entering)
        leaving = entering


def _conformed(clip: JoinClip, plan: JoinPlan, index: int) -> Iterator[Tensor]:
    """The pictures of a clip on the sequence's clock and canvas; a frame that is repeated is made once."""
    info, timeline = plan.infos[index], plan.timeline
    reader = open_video(clip.path, matrix=info.matrix if info.matrix in LUMA_WEIGHTS else None)
    made: Frame | None = None
    image = torch.empty(0)
    for frame in at_rate(reader, info.time_base, timeline.rate, timeline.counts[index]):
        if frame is not made:
            with torch.inference_mode():
                image = fit(clip.grade(frame), plan.size, plan.aspect(index))
                if plan.has_alpha:
                    image = torch.cat([image, _fitted_alpha(frame, plan, index)])
            made = frame
        yield image


def _fitted_alpha(frame: Frame, plan: JoinPlan, index: int) -> Tensor:
    """`[1, H, W]`: opaque where a clip has no alpha, and around its picture."""
    alpha = torch.ones_like(frame.image[:1]) if frame.alpha is None else frame.alpha
    return 1 - fit(1 - alpha, plan.size, plan.aspect(index))


def _sound_track(container: OutputContainer, plan: JoinPlan) -> SoundTrack | None:
    if plan.sound is None:
        return None
    return SoundTrack(container, plan.sound, crossfaded(plan.infos, plan.timeline, plan.sound))


def _check_alike(infos: Sequence[VideoInfo]) -> None:
    first = infos[0]
    for info in infos:
        if info.kind != "video":
            raise InputError(f"{info.path}: only videos are joined, this is an image or a folder of them")
        if info.transfer != first.transfer and {info.transfer, first.transfer} & set(HDR_TRANSFERS):
            kinds = [HDR_TRANSFERS[i.transfer].name if i.transfer in HDR_TRANSFERS else "SDR" for i in (first, info)]
            raise InputError(f"{first.path} is {kinds[0]} and {info.path} is {kinds[1]}: convert them to one before")


def container_holds(output: Path, encoder: str) -> bool:
    """Whether the kind of file that a path names takes an encoder's output: by trying, as `VideoWriter` does."""
    trial = io.BytesIO()
    trial.name = str(output)
    try:
        av.open(trial, "w").add_stream(encoder)
    except ValueError:
        return False
    return True
