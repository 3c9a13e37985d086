"""Small clips and photographs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def scene(seed: int, frames: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A textured picture in slow motion, `[T, H, W, 3]` uint8; each seed has its own colours."""
    rng = np.random.default_rng(seed)
    rows, columns = size
    coarse = rng.uniform(30, 225, size=(6, 12, 3))
    wide = np.kron(coarse, np.ones((-(-rows // 6), -(-columns // 8), 1)))[:rows]
    wide = np.clip(wide + rng.normal(0, 6, wide.shape), 0, 255)
    return np.stack([np.roll(wide, -(t // 2), axis=1)[:, :columns] for t in range(frames)]).astype(np.uint8)


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray] | np.ndarray,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction | int = 25,
    audio: bool = False,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encodes `[H, W, 3]` uint8 or `[H, W, 3]` uint16 frames, tagged BT.709 limited, with a tone beside it if asked."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
        for image in frames:
            kind = "rgb24" if image.dtype == np.uint8 else "rgb48le"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
            container.mux(stream.encode(frame.reformat(format=pixel_format, dst_colorspace=1, dst_color_range=1)))
        container.mux(stream.encode())
        if sound is not None:
            count = int(48000 * len(frames) / Fraction(rate))
            tone = np.sin(np.arange(count) * 0.05).astype(np.float32)[None]
            for start in range(0, count, 1024):
                piece = av.AudioFrame.from_ndarray(tone[:, start : start + 1024], format="fltp", layout="mono")
                piece.sample_rate, piece.pts = 48000, start
                container.mux(sound.encode(piece))
            container.mux(sound.encode())
    return path


def packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first stream of a kind, as they lie in the file."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def decode(path: Path, pixel_format: str = "rgb24") -> np.ndarray:
    """All frames, `[T, H, W, 3]`."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0)])


def write_photo(path: Path, seed: int = 0, size: tuple[int, int] = (96, 128), **options: object) -> Path:
    """A smooth random photograph."""
    coarse = np.random.default_rng(seed).integers(20, 235, (4, 5, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(path, **options)
    return path
