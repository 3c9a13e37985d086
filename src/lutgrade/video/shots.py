"""Where a clip cuts: PySceneDetect's detectors, fed frame by frame, with flashes told from cuts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lutgrade.errors import InputError

_SIDE = 256  # pixels; smaller frames change no decision
# Hue counts a quarter: in dark pixels it is noise, and a codec's key frame in a dark scene then looks like a cut.
_WEIGHTS = (0.25, 1.0, 1.0, 0.0)  # hue, saturation, value, edges
_BLACK = 4  # of 255, the mean of a frame that is faded out
# The detector works on hue and saturation, which leap in the dark: a cut must show in R, G and B as well, by this
# much of 255 and beyond the frames before and after. Cuts between real clips show by 12 at a quarter of their
# brightness, and by 1.7 times the steps beside them at least; the steps of a fade are alike.
_LEAST_CHANGE = 4.0
_LEAST_RATIO = 1.5
_FLASH_FRAMES = 3
# Frames on both sides of a true cut differ by 0.94 to 1 of the change at the cut, whichever two one takes;
# across a flash of up to three frames the most similar two differ by at most 0.8 of it.
_FLASH_RATIO = 0.85


@dataclass(frozen=True)
class Shot:
    """The frames `start` to `stop - 1` of a clip, counted from 0."""

    start: int
    stop: int


class ShotDetector:
    """Finds the shots of a stream of frames, in constant memory.

    Hard cuts are found by PySceneDetect's `AdaptiveDetector` (a frame that changes far more than its neighbours do,
    so that a fast pan is no cut), and the end of a fade through black by its `ThresholdDetector`. A flash, or
    a gap of black, of up to three frames does not part a shot. A dissolve is no cut: its two shots come as one.

    Attributes:
        delay: after frame i was pushed, no cut at or before frame i - delay is still to come.
    """

    delay = _FLASH_FRAMES

    def __init__(self, frame_rate: float, *, min_seconds: float = 0.3) -> None:
        """
        Args:
            frame_rate: in Hz.
            min_seconds: the least length of a shot; a cut that comes sooner after the last one is passed over.
        """
        from scenedetect.detectors import AdaptiveDetector, ContentDetector, ThresholdDetector

        if not 0 < frame_rate < float("inf"):
            raise InputError(f"a frame rate must be a positive number, not {frame_rate}")
        self._frame_rate = float(frame_rate)
        self._min_frames = max(1, round(min_seconds * frame_rate))
        self._cuts = AdaptiveDetector(min_scene_len=0, weights=ContentDetector.Components(*_WEIGHTS))
        self._fades = ThresholdDetector(
            threshold=_BLACK, min_scene_len=0, min_out_length=_FLASH_FRAMES + 1, fade_bias=1.0
        )
        self._recent = deque[np.ndarray](maxlen=2 * _FLASH_FRAMES + 2)  # the last frames pushed, [h, w, 3] uint8
        self._candidates = deque[int]()  # cuts that wait for the frames behind them
        self._count = 0
        self._start = 0  # of the shot that is open
        self._lit = False  # whether the clip has shown anything but black

    def push(self, image: Tensor) -> list[Shot]:
        """Takes the next frame, `[3, H, W]` sRGB-encoded in [0, 1]; returns the shots that are complete now."""
        from scenedetect import FrameTimecode

        frame = _small(image)
        self._recent.append(frame)
        time = FrameTimecode(self._count, self._frame_rate)
        self._count += 1
        self._candidates.extend(cut.frame_num for cut in self._cuts.process_frame(time, frame))
        fades = [cut.frame_num for cut in self._fades.process_frame(time, frame)]
        shots = self._close(fades[0]) if fades and self._lit else []
        self._lit = self._lit or frame.mean() >= _BLACK
        return shots + self._confirmed(self._count - 1 - _FLASH_FRAMES)

    def finish(self) -> list[Shot]:
        """Ends the clip; returns its remaining shots, of which only the very last may be shorter than the least."""
        shots = self._confirmed(self._count)
        return [*shots, Shot(self._start, self._count)] if self._count > self._start else shots

    def _confirmed(self, until: int) -> list[Shot]:
        shots: list[Shot] = []
        while self._candidates and self._candidates[0] <= until:
            cut = self._candidates.popleft()
            if self._is_cut(cut):
                shots += self._close(cut)
        return shots

    def _close(self, cut: int) -> list[Shot]:
        if cut - self._start < self._min_frames:
            return []
        shot, self._start = Shot(self._start, cut), cut
        return [shot]

    def _is_cut(self, cut: int) -> bool:
        """Whether the picture truly changes here, and is not soon again what it was shortly before."""
        frames = list(self._recent)
        at = cut - (self._count - len(frames))
        before = frames[max(0, at - _FLASH_FRAMES - 1) : at]
        after = frames[at : at + _FLASH_FRAMES + 1]
        change = _difference(before[-1], after[0])
        beside = max(_difference(*before[-2:]), _difference(*after[:2]))
        if change < max(_LEAST_CHANGE, _LEAST_RATIO * beside):
            return False
        return min(_difference(a, b) for a in before for b in after) >= _FLASH_RATIO * change


def detect_shots(frames: Iterable[Tensor], frame_rate: float, *, min_seconds: float = 0.3) -> list[Shot]:
    """The shots of a clip, in order; together they hold every frame once.

    Args:
        frames: `[3, H, W]` each, sRGB-encoded in [0, 1].
        frame_rate: in Hz.
        min_seconds: as in `ShotDetector`.

    Raises:
        InputError: the frame rate is not a positive number.
    """
    detector = ShotDetector(frame_rate, min_seconds=min_seconds)
    shots = [shot for frame in frames for shot in detector.push(frame)]
    return shots + detector.finish()


def _small(image: Tensor) -> np.ndarray:
    """`[3, H, W]` to `[h, w, 3]` uint8 in BGR, as PySceneDetect takes it, at most 256 pixels a side."""
    import cv2

    red, green, blue = image.detach().cpu().float().numpy()
    height, width = red.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (blue, green, red)]
    return np.rint(np.clip(cv2.merge(planes), 0, 1) * 255).astype(np.uint8)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())
