"""The sound of clips that fade into each other: resampled alike, as long as the pictures, cross-faded and encoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet

from lutgrade.errors import InputError
from lutgrade.video.probe import main_stream, open_container
from lutgrade.video.timeline import Timeline

BLOCK = 4096  # samples that are handled at a time
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}  # where FFmpeg's own is absent or worse
_FALLBACK = "aac"
_USUAL = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # layouts, of files that tell the number of channels alone


@dataclass(frozen=True)
class SoundFormat:
    """What the sound of a sequence is made in."""

    codec: str  # FFmpeg's name of the decoder that it follows
    rate: int  # samples a second
    layout: str  # FFmpeg's name, such as stereo
    channels: int
    bit_rate: int | None


def sound_format(path: Path) -> SoundFormat | None:
    """The format of a clip's first audio stream; None where it has none that can be decoded."""
    with open_container(path) as container:
        stream = _audio_stream(container)
        if stream is None:
            return None
        context = stream.codec_context
        layout, codec = context.layout, context.codec.canonical_name
        name = layout.name if "channels" not in layout.name else _USUAL.get(layout.nb_channels, layout.name)
        return SoundFormat(codec, context.rate, name, layout.nb_channels, context.bit_rate)


def sample_bounds(timeline: Timeline, sound: SoundFormat) -> tuple[list[int], list[int]]:
    """The first sample of each clip and the one after its last, in samples of the sequence."""
    starts, ends = (
        [round(f * sound.rate / timeline.rate) for f in frames] for frames in (timeline.starts, timeline.ends)
    )
    return starts, ends


def crossfaded(paths: Sequence[Path], timeline: Timeline, sound: SoundFormat) -> Iterator[np.ndarray]:
    """The sound of the whole sequence as blocks `[C, N]` float32, as long as its pictures.

    Clips fade by sine and cosine, which keeps the loudness of sounds that have nothing in common (FFmpeg's `qsin`);
    a clip without sound is silent.
    """
    starts, ends = sample_bounds(timeline, sound)
    readers = [_Reader(path, sound) for path in paths]
    done = 0
    for i, reader in enumerate(readers):
        if i > 0 and (overlap := ends[i - 1] - starts[i]):
            yield fade(readers[i - 1].read(overlap), reader.read(overlap))
            done = ends[i - 1]
        until = starts[i + 1] if i + 1 < len(readers) else ends[i]
        while done < until:
            block = reader.read(min(BLOCK, until - done))
            done += block.shape[1]
            yield block


def fade(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cross-fades `[C, N]` into `[C, N]`, over all of their length, as FFmpeg's `acrossfade` does with `qsin`."""
    count = first.shape[1]
    rising = np.sin(np.arange(count) / count * (math.pi / 2)).astype(np.float32)
    return first * rising[::-1] + second * rising


class SoundTrack:
    """Encodes the sound of a sequence, in step with its pictures."""

    def __init__(self, output: OutputContainer, sound: SoundFormat, blocks: Iterator[np.ndarray]) -> None:
        """The stream is added to `output`, in the clips' own codec where the container takes it, else AAC."""
        self._output, self._sound, self._blocks = output, sound, blocks
        self._stream = _add_stream(output, sound)
        context = self._stream.codec_context
        self._resampler = av.AudioResampler(context.format, context.layout, context.rate)
        self._done = 0

    def advance(self, until: float) -> None:
        """Writes what belongs before a time in seconds."""
        while self._done < until * self._sound.rate:
            block = next(self._blocks, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self._sound.layout)
            frame.sample_rate, frame.pts = self._sound.rate, self._done
            frame.time_base = Fraction(1, self._sound.rate)
            self._done += block.shape[1]
            self._output.mux(self._encode(self._resampler.resample(frame)))

    def finish(self) -> None:
        """Writes the rest."""
        self.advance(math.inf)
        self._output.mux(self._encode(self._resampler.resample(None)))
        self._output.mux(self._stream.encode(None))

    def _encode(self, frames: list[av.AudioFrame]) -> list[Packet]:
        return [packet for frame in frames for packet in self._stream.encode(frame)]


class _Reader:
    """The samples of a clip from the time of its first picture on; silence where there are none."""

    def __init__(self, path: Path, sound: SoundFormat) -> None:
        self._blocks = _decode(path, sound)
        self._left = np.zeros((sound.channels, 0), np.float32)

    def read(self, count: int) -> np.ndarray:
        """The next `count` samples, `[C, count]`."""
        parts, held = [self._left], self._left.shape[1]
        while held < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            held += block.shape[1]
        samples = np.concatenate(parts, axis=1)
        samples = np.pad(samples, ((0, 0), (0, max(0, count - held))))
        self._left = samples[:, count:]
        return samples[:, :count]


def _decode(path: Path, sound: SoundFormat) -> Iterator[np.ndarray]:
    """Blocks `[C, N]`; the first begins with the clip's first picture, by silence or by leaving samples out."""
    with open_container(path) as container:
        stream = _audio_stream(container)
        if stream is None:
            return
        picture = main_stream(container, path)
        start = float((picture.start_time or 0) * (picture.time_base or 0))
        resampler = av.AudioResampler("fltp", sound.layout, sound.rate)
        skip: int | None = None
        for frame in _frames(container, stream, path):
            if skip is None:
                skip = round((start - (frame.time or 0.0)) * sound.rate)
                if skip < 0:
                    yield np.zeros((sound.channels, -skip), np.float32)
                    skip = 0
            for part in resampler.resample(frame):
                samples = part.to_ndarray()
                yield samples[:, skip:]
                skip = max(0, skip - samples.shape[1])
        for part in resampler.resample(None):
            yield part.to_ndarray()


def _frames(container: av.container.InputContainer, stream: AudioStream, path: Path) -> Iterator[av.AudioFrame]:
    try:
        yield from container.decode(stream)
    except av.FFmpegError as error:
        raise InputError(f"{path}: its sound is damaged ({error.strerror}); copy it again, or remove it") from None


def _audio_stream(container: av.container.InputContainer) -> AudioStream | None:
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def encoder_of(sound: SoundFormat) -> str:
    """The encoder of a format's own codec, or of AAC where there is none that takes its sample rate."""
    name = _ENCODERS.get(sound.codec, sound.codec)
    try:
        rates = Codec(name, "w").audio_rates
    except av.codec.codec.UnknownCodecError:
        return _FALLBACK
    return name if not rates or sound.rate in rates else _FALLBACK


def _add_stream(output: OutputContainer, sound: SoundFormat) -> AudioStream:
    """A stream of the codec that is followed, or of AAC where the container refuses it."""
    try:
        stream = output.add_stream(encoder_of(sound), rate=sound.rate, layout=sound.layout)
    except ValueError:
        stream = output.add_stream(_FALLBACK, rate=sound.rate, layout=sound.layout)
    assert isinstance(stream, AudioStream)
    if sound.bit_rate:
        stream.bit_rate = sound.bit_rate
    return stream
