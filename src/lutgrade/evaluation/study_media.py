"""What a study shows: clips and stills as data URIs, alike in quality and within a size."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from lutgrade.errors import InputError, LutgradeError

CRF = (18, 22, 26, 30, 34)  # of x264, from all but the original to visibly compressed
JPEG = (95, 90, 82, 74, 66)  # the stills that go with them
BLOCK, SHIFT = 12, 0.04  # of the damage: pixels a side, and the share of the width that red bleeds by


def fitted(images: Tensor, max_side: int, frames: int) -> Tensor:
    """Frames `[T, 3, H, W]` in [0, 1] as codes (uint8): the first few, shrunk to a side, of even height and width."""
    images = images[:frames]
    height, width = images.shape[-2:]
    scale = min(1.0, max_side / max(height, width))
    size = [max(2, round(side * scale / 2) * 2) for side in (height, width)]
    if size != [height, width]:
        images = interpolate(images, size, mode="bilinear", antialias=True)
    return (images.clamp(0, 1) * 255).round().byte()


def damaged(codes: Tensor) -> Tensor:
    """Frames (uint8) that anyone sees to be broken: blocks instead of detail, and red beside its place."""
    height, width = codes.shape[-2:]
    blocks = interpolate(avg_pool2d(codes.float(), BLOCK, ceil_mode=True), (height, width)).round().byte()
    shift = max(2, round(SHIFT * width))
    return torch.cat([blocks[:, :1].roll(shift, dims=-1), blocks[:, 1:]], dim=1)


def data_uris(media: Sequence[Tensor], budget: int, rate: Fraction) -> list[str]:
    """Each of some media as a data URI: MP4 (H.264) for clips, JPEG for single frames, all at one quality.

    Args:
        media: codes `[T, 3, H, W]`, uint8.
        budget: characters that they may take together.
        rate: frames a second.

    Raises:
        InputError: they do not fit at the lowest quality.
    """
    taken = 0
    for crf, quality in zip(CRF, JPEG, strict=True):
        found = [_still(codes, quality) if len(codes) == 1 else _clip(codes, crf, rate) for codes in media]
        taken = sum(map(len, found))
        if taken <= budget:
            return found
    raise InputError(
        f"the clips of one question take {taken / 1e6:.1f} MB, and {budget / 1e6:.1f} MB are left for each: "
        "show shorter, smaller or fewer ones, or allow a larger page"
    )


def _still(codes: Tensor, quality: int) -> str:
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(codes[0].permute(1, 2, 0).contiguous().numpy())
    image.save(file, "JPEG", quality=quality, subsampling=0)
    return _uri("image/jpeg", file)


def _clip(codes: Tensor, crf: int, rate: Fraction) -> str:
    """H.264 with the tags of BT.709, which browsers take as sRGB."""
    import av
    from av.video.reformatter import Colorspace

    if "libx264" not in av.codecs_available:
        raise LutgradeError("this build of PyAV cannot encode H.264, which all browsers play")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.height, stream.width = codes.shape[-2:]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1
        for image in codes:
            frame = av.VideoFrame.from_ndarray(image.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode(None))
    return _uri("video/mp4", file)


def _uri(kind: str, file: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
