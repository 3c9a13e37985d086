"""Training reads through decord: 8 bits, forward only.

decord seeks wrongly in open-GOP files and hangs where its count of frames exceeds what decodes, so it is only
ever asked for the next frame, and for no more frames than the file has packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video.convert import shrink, yuv_to_rgb_matrix
from lutgrade.video.info import Frame, VideoInfo
from lutgrade.video.probe import MATRIX_NAMES, fit_within, main_stream, open_container, probe


class DecordReader:
    """A `VideoReader` of a video file at 8 bits per channel; made in one process, it may be used in its forks.

    decord opens the file in `__iter__` and `frames_at`, and only there. Alpha is left out.
    """

    info: VideoInfo

    def __init__(
        self,
        path: Path,
        *,
        max_side: int | None = None,
        matrix: str | None = None,
        value_range: str | None = None,
        every: float | None = None,
    ) -> None:
        if value_range is not None:
            raise InputError("decord takes the range from the file; leave it out, or use backend='av'")
        _decord()
        self.info, orientation = probe(path, matrix, None)
        if orientation.mirrored:
            raise InputError(f"{path}: is stored mirrored, which decord does not undo; use backend='av'")
        self._every = every
        self._max_side = max_side
        # decord turns pictures upright itself, but garbles those that it shrinks as well.
        self._size = None if orientation.transposed else fit_within(self.info, max_side, transposed=False)
        self._correction = _correction(self.info)
        self._count = _packets(path)

    def __enter__(self) -> DecordReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        decoder = self._open()
        due = float("-inf")
        for index in range(min(len(decoder), self._count)):
            time = float(decoder.get_frame_timestamp(index)[0])
            if self._every is not None and time < due:
                decoder.skip_frames(1)
                continue
            due = max(due, time) + (self._every or 0)
            yield Frame(self._image(decoder), round(time / self.info.time_base), index, time)

    def frames_at(self, indices: Sequence[int]) -> Tensor:
        """The frames of rising `indices`, counted from 0, as `[T, 3, H, W]` float32; decodes up to the last.

        Raises:
            InputError: indices that do not rise or that the video does not have.
        """
        decoder = self._open()
        count = min(len(decoder), self._count)
        if any(b <= a for a, b in zip([-1, *indices], indices, strict=False)) or (indices and indices[-1] >= count):
            raise InputError(f"{self.info.path}: frames must rise from 0 to {count - 1} at most, not {list(indices)}")
        images, position = [], 0
        for index in indices:
            if index > position == 0:
                decoder.next()  # a skip before the first frame would be a seek, which decord does wrongly
                position = 1
            if index > position:
                decoder.skip_frames(index - position)
            images.append(self._image(decoder))
            position = index + 1
        return torch.stack(images)

    def _open(self) -> Any:
        decord = _decord()
        width, height = self._size or (-1, -1)
        try:
            return decord.VideoReader(str(self.info.path), ctx=decord.cpu(0), num_threads=1, width=width, height=height)
        except (decord.DECORDError, RuntimeError):
            raise InputError(f"{self.info.path}: decord cannot read it; use backend='av'") from None

    def _image(self, decoder: Any) -> Tensor:
        pixels = decoder.next().asnumpy()  # [H, W, 3] uint8
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)
        if self._correction is not None:
            image = torch.einsum("ij,jhw->ihw", self._correction, image).clamp_(0, 1)
        return shrink(image, self._max_side)


def _decord() -> Any:
    import cv2  # noqa: F401  decord's libraries, loaded first, break OpenCV's reading of 16-bit PNG

    try:
        import decord
    except ImportError:
        raise InputError("backend='decord' needs the package decord: pip install 'lutgrade[train]'") from None
    return decord


def _correction(info: VideoInfo) -> Tensor | None:
    """`[3, 3]` from the RGB that decord makes, which takes an untagged file as BT.601, to that of `info.matrix`."""
    assumed = MATRIX_NAMES.get(info.matrix_code, "bt601") if info.tagged else "bt601"
    if "rgb" in (assumed, info.matrix) or assumed == info.matrix:
        return None
    made, meant = (yuv_to_rgb_matrix(matrix) for matrix in (assumed, info.matrix))
    return torch.from_numpy(meant @ np.linalg.inv(made)).float()


def _packets(path: Path) -> int:
    """How many pictures the file holds: counted, as the header may say too many."""
    with open_container(path) as container:
        return sum(1 for packet in container.demux(main_stream(container, path)) if packet.size)
