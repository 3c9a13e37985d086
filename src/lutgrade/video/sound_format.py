"""What the sound of a sequence is encoded as: the clip's own codec, or the nearest that the kind of file takes."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec import Codec

from lutgrade.video.probe import open_container

_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}  # where FFmpeg's own is absent or worse
_NEAREST = ("aac", "libopus", "libmp3lame", "ac3", "mp2", "pcm_s16le")
_NO_PCM = frozenset({".mp4", ".m4v", ".3gp"})
# What files of these say of their bit rate is an average, which silence makes small.
_VARIABLE = frozenset({"aac", "libmp3lame", "libopus"})
_PLENTY = 96_000  # bits a second and channel, with which these lose next to nothing
_USUAL_RATE = 48000
# Layouts, of files that tell the number of channels alone.
_USUAL = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True)
class SoundFormat:
    """What the sound of a sequence is made in and encoded by."""

    encoder: str  # FFmpeg's name
    rate: int  # samples a second
    layout: str  # FFmpeg's name, such as stereo
    channels: int
    bit_rate: int | None  # None leaves it to the encoder


def sound_format(path: Path, output: Path) -> SoundFormat | None:
    """The format of a sequence in the file `output` that follows a clip's first audio stream.

    None where the clip has no sound that can be decoded, or the kind of file holds none.
    """
    with open_container(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        context = stream.codec_context
        own = _ENCODERS.get(context.codec.canonical_name, context.codec.canonical_name)
        channels, said = context.layout.nb_channels, context.layout.name
        layouts = [*([] if "channels" in said else [said]), _USUAL.get(channels, "stereo")]
        for encoder, layout in itertools.product(_candidates(own, path, output), layouts):
            rate = _rate_of(encoder, context.rate)
            if (encoder == own and rate != context.rate) or not _comes_back(encoder, rate, layout, output):
                continue
            plenty = _PLENTY * channels if encoder in _VARIABLE else 0
            bit_rate = max(plenty, context.bit_rate or 0 if encoder == own else 0)
            return SoundFormat(encoder, rate, layout, av.AudioLayout(layout).nb_channels, bit_rate or None)
    return None


def audio_stream(container: av.container.InputContainer) -> AudioStream | None:
    """The first audio stream that can be decoded."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _candidates(own: str, path: Path, output: Path) -> Iterator[str]:
    """Encoders that there are, a clip's own first; PCM in MP4, which few play, only where the clip has it so."""
    no_pcm = output.suffix.lower() in _NO_PCM and output.suffix != path.suffix
    for name in (own, *_NEAREST):
        with suppress(av.codec.codec.UnknownCodecError):
            Codec(name, "w")
            if not (no_pcm and name.startswith("pcm")):
                yield name


def _rate_of(encoder: str, rate: int) -> int:
    rates = Codec(encoder, "w").audio_rates
    return rate if not rates or rate in rates else _USUAL_RATE


def _comes_back(encoder: str, rate: int, layout: str, output: Path) -> bool:
    """Whether a moment of silence is read as it is written: FFmpeg itself knows no better what a kind of file holds."""
    trial = io.BytesIO()
    trial.name = str(output)
    try:
        with av.open(trial, "w") as made:
            pictures = []
            if made.format.name == "mxf":  # which must hold some
                video = made.add_stream("mpeg2video", rate=25, width=64, height=48)
                pictures = [*video.encode(av.VideoFrame(64, 48, "yuv420p")), *video.encode(None)]
            stream = made.add_stream(encoder, rate=rate, layout=layout)
            silence = np.zeros((stream.layout.nb_channels, rate // 10), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, 0
            made.mux([*pictures, *stream.encode(frame), *stream.encode(None)])
        trial.seek(0)
        with av.open(trial) as read:
            found = audio_stream(read)
            return found is not None and found.codec_context.codec.canonical_name == Codec(encoder, "w").canonical_name
    except (av.FFmpegError, ValueError):
        return False
