"""Video and still images in and out."""

from lutgrade.video.info import CodedFrame, Frame, VideoInfo
from lutgrade.video.reader import VideoReader, open_video
from lutgrade.video.writer import FrameWriter, VideoWriter, open_writer

__all__ = [
    "CodedFrame", "Frame", "FrameWriter", "VideoInfo", "VideoReader", "VideoWriter", "open_video", "open_writer",
]  # fmt: skip
