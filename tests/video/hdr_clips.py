"""Small PQ and HLG clips, made from SDR pictures as a display would show them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import torch
from torch import Tensor

from lutgrade.color.hdr import HDR_TRANSFERS, xyz_to_light
from lutgrade.color.spaces import linear_to_xyz, srgb_to_linear
from lutgrade.video.convert import Coding, RgbToFrame

BT2020, BT709 = 9, 1  # code points of ITU-T H.273


def hdr_codes(image: Tensor, transfer: int, white: float = 200.0) -> Tensor:
    """An sRGB-encoded picture `[3, H, W]` as code values whose white is `white` cd/m^2; SDR stays as it is."""
    if transfer not in HDR_TRANSFERS:
        return image
    return HDR_TRANSFERS[transfer].encode(xyz_to_light(linear_to_xyz(srgb_to_linear(image.double()))) * white)


def make_hdr_clip(
    path: Path,
    frames: Sequence[Tensor],
    transfer: int,
    *,
    codec: str = "ffv1",
    primaries: int = BT2020,
    options: dict[str, str] | None = None,
) -> Path:
    """Encodes code values `[3, H, W]` at 10 bits with the tags of a transfer characteristic."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[-2:]
        stream.pix_fmt = "yuv420p10le"
        to_frame = RgbToFrame("yuv420p10le", Coding("bt2020", False))
        context = stream.codec_context
        for index, image in enumerate(frames):
            frame = to_frame(image.to(torch.float32))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for target in (context, frame) if index == 0 else (frame,):
                target.colorspace, target.color_range = BT2020, 1
                target.color_primaries, target.color_trc = primaries, transfer
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
