"""The sound of clips that fade into each other: resampled alike, as long as the pictures, cross-faded and encoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from lutgrade.errors import InputError
from lutgrade.video.info import VideoInfo
from lutgrade.video.probe import open_container
from lutgrade.video.sound_format import SoundFormat, audio_stream
from lutgrade.video.timeline import Timeline

BLOCK = 4096  # samples that are handled at a time
# Of FFmpeg's `aresample`: silence before a first sample that is late and in gaps from 0.1 s on, and what is early left
# out, so that sound keeps to its pictures; {} is the sample that comes first.
SYNC = "async=1:first_pts={}"


def sample_bounds(timeline: Timeline, sound: SoundFormat) -> tuple[list[int], list[int]]:
    """The first sample of each clip and the one after its last, in samples of the sequence."""
    starts, ends = (
        [round(f * sound.rate / timeline.rate) for f in frames] for frames in (timeline.starts, timeline.ends)
    )
    return starts, ends


def crossfaded(infos: Sequence[VideoInfo], timeline: Timeline, sound: SoundFormat) -> Iterator[np.ndarray]:
    """The sound of the whole sequence as blocks `[C, N]` float32, as long as its pictures.

    Clips fade by sine and cosine, which keeps the loudness of sounds that have nothing in common (FFmpeg's `qsin`);
    a clip without sound is silent.
    """
    starts, ends = sample_bounds(timeline, sound)
    leaving: _Reader | None = None
    done = 0
    for i, info in enumerate(infos):
        entering = _Reader(info, sound)
        if leaving is not None and (overlap := ends[i - 1] - starts[i]):
            yield fade(leaving.read(overlap), entering.read(overlap))
            done = ends[i - 1]
        until = starts[i + 1] if i + 1 < len(infos) else ends[i]
        while done < until:
            block = entering.read(min(BLOCK, until - done))
            done += block.shape[1]
            yield block
        leaving = entering


def fade(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cross-fades `[C, N]` into `[C, N]`, over all of their length, as FFmpeg's `acrossfade` does with `qsin`."""
    count = first.shape[1]
    rising = np.sin(np.arange(count) / count * (math.pi / 2)).astype(np.float32)
    return first * rising[::-1] + second * rising


class SoundTrack:
    """Encodes the sound of a sequence, in step with its pictures."""

    def __init__(self, output: OutputContainer, sound: SoundFormat, blocks: Iterator[np.ndarray]) -> None:
        """The stream is added to `output`, whose kind of file holds what the encoder makes."""
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

    def __init__(self, info: VideoInfo, sound: SoundFormat) -> None:
        self._blocks = _decode(info, sound)
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


def _decode(info: VideoInfo, sound: SoundFormat) -> Iterator[np.ndarray]:
    """Blocks `[C, N]` float32, the first from the clip's first picture on."""
    with open_container(info.path) as container:
        stream = audio_stream(container)
        if stream is None:
            return
        conform = _Conformer(sound)
        for frame in _frames(container, stream, info.path):
            if frame.pts is not None:
                frame.pts -= round(info.start / frame.time_base)
            yield from conform(frame)
        yield from conform(None)


class _Conformer:
    """Brings audio frames to one format, every sample to its time: FFmpeg's `aresample` with `SYNC`.

    Where the format changes on the way, as broadcasts do, it begins anew.
    """

    def __init__(self, sound: SoundFormat) -> None:
        self._sound = sound
        self._graph: av.filter.Graph | None = None
        self._taken: tuple[str, str, int] | None = None
        self._made = 0

    def __call__(self, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        """The blocks `[C, N]` that are ready after one more frame, whose time counts from 0; None is the end."""
        taken = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if taken != self._taken:
            yield from self._pull(None)
            self._graph = None if frame is None else self._build(frame)
            self._taken = taken
        if frame is not None:
            yield from self._pull(frame)

    def _pull(self, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        if self._graph is None:
            return
        self._graph.push(frame)
        with suppress(BlockingIOError, EOFError):
            while True:
                block = self._graph.pull().to_ndarray()
                self._made += block.shape[1]
                yield block

    def _build(self, frame: av.AudioFrame) -> av.filter.Graph:
        sound, graph = self._sound, av.filter.Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
        )
        alike = f"sample_fmts=fltp:sample_rates={sound.rate}:channel_layouts={sound.layout}"
        timed = graph.add("aresample", f"{sound.rate}:{SYNC.format(self._made)}")
        graph.link_nodes(source, timed, graph.add("aformat", alike), graph.add("abuffersink")).configure()
        return graph


def _frames(container: av.container.InputContainer, stream: AudioStream, path: Path) -> Iterator[av.AudioFrame]:
    try:
        yield from container.decode(stream)
    except av.FFmpegError as error:
        raise InputError(f"{path}: its sound is damaged ({error.strerror}); copy it again, or remove it") from None


def _add_stream(output: OutputContainer, sound: SoundFormat) -> AudioStream:
    stream = output.add_stream(sound.encoder, rate=sound.rate, layout=sound.layout)
    assert isinstance(stream, AudioStream)
    if sound.bit_rate:
        stream.bit_rate = sound.bit_rate
    return stream
