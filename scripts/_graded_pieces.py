"""Clips whose grades are known: pieces of a clip, each under a LUT unlike the others', as AI shots come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from torch import Tensor

from lutgrade.color.adjust import saturation, warmth
from lutgrade.lut import Lut
from lutgrade.lut.look_ops import compress_gamut, curve, lift_gamma_gain, tint
from lutgrade.video import open_video

CRUSHED = [[0, 0], [0.12, 0.02], [0.5, 0.45], [0.8, 0.86], [1, 1]]
GRADES: dict[str, Callable[[Tensor], Tensor]] = {
    "warm": lambda x: saturation(warmth(x, 0.45), 1.1),
    "cool": lambda x: saturation(warmth(x, -0.45), 0.75),
    "crushed": lambda x: curve(x, CRUSHED),
    "green": lambda x: tint(x, -0.18),
    "magenta": lambda x: lift_gamma_gain(tint(x, 0.15), lift=[0.05, 0.03, 0.05]),
}


def graded_pieces(clip: Path, folder: Path, *, side: int, seconds: float, fps: int) -> dict[str, tuple[Path, Path]]:
    """Cuts `clip` into a piece per grade, spread over its length; writes each as it was and graded.

    Args:
        clip: the source.
        folder: takes `<grade>.mp4` and `original_<grade>.mp4`.
        side: pixels of the longer side.
        seconds: of a piece; a source that is too short runs to and fro.
        fps: frames a second of what is written.

    Returns:
        The paths of each grade: graded, and original.
    """
    count = round(seconds * fps)
    with open_video(clip, max_side=side) as reader:
        total = reader.info.frames or 0
        starts = [index * total // len(GRADES) for index in range(len(GRADES))]
        frames = [(frame.image * 255).round().byte() for frame in reader]
    pieces = {}
    for (name, grade), start in zip(GRADES.items(), starts, strict=True):
        own = frames[start : start + max(1, total // len(GRADES))]
        there_and_back = [*own, *own[-2:0:-1]]
        piece = [there_and_back[index % len(there_and_back)] for index in range(count)]
        lut = Lut.from_function(lambda x, grade=grade: compress_gamut(grade(x)), 33)
        pieces[name] = (folder / f"{name}.mp4", folder / f"original_{name}.mp4")
        write(pieces[name][0], (lut(image) for image in piece), fps)
        write(pieces[name][1], piece, fps)
    return pieces


def write(path: Path, images: Iterator[Tensor] | list[Tensor], fps: int) -> None:
    """Encodes uint8 images `[3, H, W]` of even sides near losslessly, tagged BT.709."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"crf": "12", "preset": "ultrafast"})
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        for image in images:
            picture = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
            picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if not context.is_open:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)))
        container.mux(stream.encode())
