"""Measures the CPU time that each step of `lutgrade match` takes for a frame of 1920x1080, in one thread, one by one.

    python scripts/benchmark_match_steps.py ../shared/data/clips/bedroom.mp4

CPU time says what a step costs on a machine that does other things too. The clip is a piece of those that
`benchmark_match.py speed` matches. `through RGB` is what grading takes without the kernel on code values. Below, what
x264 costs with other settings, its PSNR of luma on the graded frames, and the size. Writes benchmarks/match_steps.md.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from _bench import markdown_table
from _graded_pieces import graded_pieces
from benchmark_match import RESULTS, upscaled
from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.metering import Meter
from lutgrade.consistency.profiles import EVERY, SIDE, WHOLE
from lutgrade.lut import Lut
from lutgrade.process import keep_freed_memory, one_line
from lutgrade.video import CodedFrame, open_video
from lutgrade.video.av_reader import AvReader
from lutgrade.video.convert import FrameToRgb, RgbToFrame
from lutgrade.video.direct import DirectGrade
from lutgrade.video.encoding import _OPTIONS
from lutgrade.video.layout import layout_of, plane

FORMAT = "yuv420p"


def with_params(params: str) -> dict[str, str]:
    """What lutgrade writes with, but for some of x264's parameters."""
    options = _OPTIONS["libx264"]
    return options | {"x264-params": f"{options['x264-params']}:{params}"}


SETTINGS: dict[str, dict[str, str]] = {
    "as lutgrade writes": _OPTIONS["libx264"],
    "veryfast, crf 14": {"preset": "veryfast", "crf": "14"},
    "superfast, crf 15": {"preset": "superfast", "crf": "15"},
    "as written, with CABAC": with_params("cabac=1"),
    "as written, motion to a quarter": with_params("subme=1"),
    "as written, with AQ": with_params("aq-mode=1"),
    "as written, with mbtree, crf 13": with_params("mbtree=1:rc-lookahead=5") | {"crf": "13"},
    "ultrafast, crf 14": {"preset": "ultrafast", "crf": "14"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--output", type=Path, default=RESULTS / "match_steps.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the command does
    warnings.simplefilter("ignore")
    with one_line(), tempfile.TemporaryDirectory() as folder:
        seconds = arguments.frames / 24
        pieces = graded_pieces(arguments.clip, Path(folder), side=480, seconds=seconds, fps=24)
        clip = upscaled(pieces["warm"][0], Path(folder) / "hd.mp4")
        text = measure(clip, arguments.frames)
    arguments.output.write_text(text)
    print(text)


def measure(clip: Path, count: int) -> str:
    """Both tables, as Markdown."""
    lut = Lut.from_function(lambda x: 0.95 * x**1.1 + 0.02, 33)
    with open_video(clip) as reader:
        assert isinstance(reader, AvReader)
        _, decode = timed(lambda: deque(islice(reader.coded(), count), maxlen=0))  # memory is used again, as in a match
        frames = list(islice(reader.coded(), count))
    direct = DirectGrade(FORMAT, frames[0].coding)
    graded, grade = timed(lambda: [direct(frame, lut.table, "tetrahedral") for frame in frames])
    meter = Meter([WHOLE], [lut], SDR, EVERY)
    steps = {
        "profile": timed(lambda: list(open_video(clip, max_side=SIDE, every=EVERY)))[1],
        "decode": decode,
        "grade": grade,
        "meter": timed(lambda: [(meter.before(a), meter.after(b)) for a, b in zip(frames, graded, strict=True)])[1],
        "encode": encoded(graded, SETTINGS["as lutgrade writes"])[0],
        "(through RGB)": timed(lambda: [through_rgb(frame, lut) for frame in frames])[1],
    }
    body = [[name, f"{1000 * seconds / count:.1f}"] for name, seconds in steps.items()]
    rows = []
    for name, options in SETTINGS.items():
        seconds, size, psnr = encoded(graded, options)
        rows.append([name, f"{1000 * seconds / count:.1f}", f"{psnr:.2f}", f"{size / 1e6:.2f}"])
    tables = (
        markdown_table(["step", "CPU (ms a frame)"], body),
        markdown_table(["x264", "CPU (ms a frame)", "PSNR of luma (dB)", "MB"], rows),
    )
    return "\n\n".join(tables) + "\n"


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and its CPU seconds."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def through_rgb(frame: CodedFrame, lut: Lut) -> av.VideoFrame:
    image, _ = FrameToRgb(frame.coding)(frame.picture)
    return RgbToFrame(FORMAT, frame.coding)(lut(image, interpolation="tetrahedral"))


def encoded(frames: list[CodedFrame], options: dict[str, str]) -> tuple[float, int, float]:
    """CPU seconds, bytes and PSNR of luma in dB of an encode."""
    buffer = io.BytesIO()

    def encode() -> None:
        with av.open(buffer, "w", format="mp4") as output:
            first = frames[0].picture
            stream = output.add_stream("libx264", rate=24, options=options, width=first.width, height=first.height)
            stream.pix_fmt, stream.codec_context.thread_count = FORMAT, 1
            for index, frame in enumerate(frames):
                frame.picture.pts, frame.picture.time_base = index, Fraction(1, 24)
                output.mux(stream.encode(frame.picture))
            output.mux(stream.encode(None))

    _, seconds = timed(encode)
    with av.open(io.BytesIO(buffer.getvalue())) as written:
        errors = [
            np.square(luma(after) - luma(before.picture)).mean()
            for before, after in zip(frames, written.decode(video=0), strict=True)
        ]
    return seconds, len(buffer.getvalue()), 10 * np.log10(255**2 / np.mean(errors))


def luma(picture: av.VideoFrame) -> np.ndarray:
    """`[H, W]`, float."""
    return plane(picture, 0, layout_of(picture.format.name)).astype(np.float32)


if __name__ == "__main__":
    main()
