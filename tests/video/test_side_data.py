"""Display metadata of HDR: named where it is left out, and Dolby Vision that is no plain picture refused."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from lutgrade.applying import apply_to_file
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.video import open_video
from lutgrade.video.joining import JoinClip, join
from video.hdr_clips import make_hdr_clip

PQ = 16
MASTERED = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
QUIET = "log-level=error"


class Bits:
    """A bit stream as H.265 writes it."""

    def __init__(self) -> None:
        self._bits = ""

    def fixed(self, *fields: tuple[int, int]) -> Bits:
        """Values, each with its number of bits."""
        self._bits += "".join(format(value, f"0{count}b") for value, count in fields)
        return self

    def golomb(self, *values: int) -> Bits:
        """Exponential Golomb codes."""
        for value in values:
            digits = format(value + 1, "b")
            self._bits += "0" * (len(digits) - 1) + digits
        return self

    def done(self) -> bytes:
        whole = self._bits + "0" * (-len(self._bits) % 8)
        return bytes(int(whole[i : i + 8], 2) for i in range(0, len(whole), 8))


def nal(kind: int, payload: bytes) -> bytes:
    """A NAL unit of H.265 with its start code."""
    escaped, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1" + bytes([kind << 1, 1]) + bytes(escaped)


def dolby_vision(profile: int) -> bytes:
    """A reference processing unit of profile 5 or 8 that maps every component to itself (ETSI GS CCM 001)."""
    ipt = profile == 5
    bits = Bits().fixed((2, 6), (18, 11), (0 if ipt else 1, 4), (0, 4), (1, 1), (0, 1), (0, 2)).golomb(23)
    bits.fixed((1, 2), (int(ipt), 1)).golomb(2, 2, 4).fixed((0, 5), (1, 1), (0, 2)).golomb(0, 0, 0)
    for _ in range(3):
        bits.golomb(0).fixed((0, 10), (1023, 10))
    bits.golomb(0, 0)
    for _ in range(3):
        bits.golomb(0, 0).fixed((0, 1)).golomb(0).fixed((0, 23)).golomb(1).fixed((0, 23))
    return nal(62, b"\x19" + bits.done() + bytes(4) + b"\x80")


def hdr10_plus() -> bytes:
    """Dynamic metadata of SMPTE ST 2094-40, in an SEI message."""
    bits = Bits().fixed((0xB5, 8), (0x3C, 16), (1, 16), (4, 8), (1, 8), (1, 2), (400, 27), (0, 1))
    bits.fixed(*[(1000, 17)] * 3, (500, 17), (0, 4), (0, 10), (0, 3))
    message = bits.done()
    return nal(39, bytes([4, len(message)]) + message + b"\x80")


def clip(path: Path, *, first: bytes = b"", last: bytes = b"") -> Path:
    """Three PQ pictures in H.265, each with NAL units before and after its own."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx265", rate=25, options={"x265-params": QUIET}, width=64, height=48)
        context = stream.codec_context
        context.pix_fmt = "yuv420p10le"
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 9, 1, 9, PQ
        packets = []
        for index in range(3):
            frame = av.VideoFrame(64, 48, "yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += stream.encode(frame)
        for packet in (*packets, *stream.encode(None)):
            made = av.Packet(first + bytes(packet) + last)
            made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.is_keyframe, made.stream = packet.is_keyframe, stream
            output.mux(made)
    return path


def notes_of_apply(content: Path, output: Path) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        apply_to_file(content, Lut.identity(9), output)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("units", "kind"),
    [({"first": hdr10_plus()}, "HDR10+"), ({"last": dolby_vision(8)}, "Dolby Vision")],
    ids=["HDR10+", "Dolby Vision"],
)
def test_dynamic_metadata_is_left_out_and_said(tmp_path: Path, units: dict[str, bytes], kind: str) -> None:
    content = clip(tmp_path / "a.ts", **units)
    assert open_video(content).info.display_metadata == (kind,)
    (note,) = notes_of_apply(content, tmp_path / "b.mkv")
    assert note == f"{content}: its {kind} metadata are of the picture as it was, and are left out"
    assert open_video(tmp_path / "b.mkv").info.display_metadata == ()


def test_static_metadata_is_said_by_apply_and_by_join(tmp_path: Path) -> None:
    grey = [torch.full((3, 48, 64), 0.4)] * 3
    options = {"x265-params": f"{QUIET}:{MASTERED}"}
    content = make_hdr_clip(tmp_path / "a.mkv", grey, PQ, codec="libx265", options=options)
    (note,) = notes_of_apply(content, tmp_path / "b.mkv")
    assert "its mastering display and light level metadata are of the picture as it was" in note
    with pytest.warns(UserWarning, match="mastering display and light level"):
        join([JoinClip(content)], tmp_path / "c.mkv")


def test_plain_hdr_has_nothing_to_say(tmp_path: Path) -> None:
    assert notes_of_apply(clip(tmp_path / "a.ts"), tmp_path / "b.mkv") == []


def test_dolby_vision_without_a_plain_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.ts: Dolby Vision of profile 5, .* export it as HDR10 or HLG"):
        open_video(clip(tmp_path / "a.ts", last=dolby_vision(5)))
