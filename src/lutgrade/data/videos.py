"""Clips to draw training pictures from: video files, or folders of frames."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from lutgrade.data.images import decode, shrink
from lutgrade.data.manifest import files_of, group, is_manifest
from lutgrade.errors import InputError
from lutgrade.video.reader import VIDEO_SUFFIXES

BACKENDS = ("auto", "decord", "av")
SURE = 0.95  # of a video's frames: headers promise more than can be decoded, by a few


@dataclass(frozen=True)
class Clip:
    """A video file, or frames in their order, whose folder is the path."""

    path: Path
    frames: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """That of the folder, or of the file without its suffix."""
        return self.path.name if self.frames else self.path.stem


class ClipFolder:
    """The clips of a folder, or of a manifest, as `Pictures`.

    In a folder, every video file at any depth is a clip, and so is every folder with two images or more.

    Args:
        source: a folder, or a manifest file as `scripts/prepare_data.py` writes it.
        short_side: pictures larger than this are shrunk to it; None keeps them.
        split: of a manifest; None takes all.
        longest: pictures come from the first so many frames of a video, as it is read forward from its start:
            seeking is not exact in every stream. None is no limit.
        backend: "decord", "av", or "auto", which is decord where it is installed. They give the same frames, but
            for the rounding of their decoders.

    Raises:
        InputError: no folder or manifest there, or no clips in it.
    """

    moving = True

    def __init__(
        self,
        source: str | Path,
        *,
        short_side: int | None = 288,
        split: str | None = None,
        longest: int | None = 250,
        backend: str = "auto",
    ) -> None:
        if backend not in BACKENDS:
            raise InputError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        self.clips = clips_of(source, split=split)
        self.paths = [clip.path for clip in self.clips]
        self.short_side, self.longest = short_side, longest
        self.backend = ("decord" if importlib.util.find_spec("decord") else "av") if backend == "auto" else backend

    def __len__(self) -> int:
        return len(self.clips)

    def read(self, index: int, positions: Sequence[float]) -> list[np.ndarray]:
        clip = self.clips[index]
        if clip.frames:
            count = self._limit(len(clip.frames))
            return [decode(clip.frames[int(p * count)], self.short_side) for p in positions]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an untagged file is not news at every read
            pictures = self._read_video(clip.path, positions)
        return [shrink(picture, self.short_side) for picture in pictures]

    def _read_video(self, path: Path, positions: Sequence[float]) -> list[np.ndarray]:
        from lutgrade.video import open_video
        from lutgrade.video.decord_reader import DecordReader

        reader = open_video(path, backend="decord" if self.backend == "decord" else "av")
        info = reader.info
        total = info.frames or int((info.duration or 0) * info.frame_rate)
        count = self._limit(max(1, int(total * SURE)))
        indices = [int(p * count) for p in positions]
        # From frame 0 always: decord takes a skip before its first frame as a seek, which damages some streams.
        rising = sorted({0, *indices})
        frames = reader.frames_at(rising) if isinstance(reader, DecordReader) else _frames_at(path, rising)
        images = dict(zip(rising, frames, strict=True))
        return [_bytes(images[i]) for i in indices]

    def _limit(self, count: int) -> int:
        return count if self.longest is None else min(count, self.longest)


def clips_of(source: str | Path, *, split: str | None = None) -> list[Clip]:
    """The clips of a folder or of a manifest, sorted by path."""
    from lutgrade.video.sequence import image_files

    source = Path(source)
    if is_manifest(source):
        return _of_manifest(source, split)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder of clips")
    visible = [path for path in sorted(source.rglob("*")) if not path.name.startswith(".")]
    clips = [Clip(path) for path in visible if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
    for folder in [source, *(path for path in visible if path.is_dir())]:
        frames = image_files(folder)
        if len(frames) > 1:
            clips.append(Clip(folder, tuple(frames)))
    if not clips:
        raise InputError(f"{source}: the folder holds no videos and no folders of frames")
    return sorted(clips, key=lambda clip: clip.path)


def _of_manifest(manifest: Path, split: str | None) -> list[Clip]:
    found = files_of(manifest, split=split)
    paths = {record.path: path for path, record in found}
    clips = [Clip(path) for path, record in found if record.role == "video"]
    for _, records in group(record for _, record in found if record.role == "image"):
        frames = tuple(sorted((paths[r.path] for r in records), key=lambda p: (len(p.name), p.name)))  # 2.jpg, 10.jpg
        if len(frames) > 1:
            clips.append(Clip(frames[0].parent, frames))
    if not clips:
        raise InputError(f"{manifest}: its split {split} holds no clips")
    return clips


def _frames_at(path: Path, indices: Sequence[int]) -> list[Tensor]:
    """The frames of rising indices through FFmpeg, `[3, H, W]` each; only these are converted to RGB.

    Raises:
        InputError: the video is damaged, or ends before.
    """
    import av

    from lutgrade.video.convert import Coding, FrameToRgb
    from lutgrade.video.probe import main_stream, open_container, probe

    info, orientation = probe(path, None, None)
    to_rgb = FrameToRgb(Coding(info.matrix, info.full_range))
    wanted, images = set(indices), []
    with open_container(path) as container:
        try:
            for index, frame in enumerate(container.decode(main_stream(container, path))):
                if index in wanted:
                    images.append(orientation.apply(to_rgb(frame)[0]))
                if len(images) == len(wanted):
                    return images
        except av.FFmpegError as error:
            raise InputError(f"{path}: damaged before frame {indices[-1]} ({error.strerror})") from None
    raise InputError(f"{path}: ends before frame {indices[-1]}")


def _bytes(image: Tensor) -> np.ndarray:
    """`[3, H, W]` in [0, 1] to `[H, W, 3]` uint8."""
    return (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
