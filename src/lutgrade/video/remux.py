"""What a grade does not touch, packet for packet: sound, subtitles, chapters, data, cover pictures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from lutgrade.video.probe import main_stream, open_container

# Tags that describe the file that was read, not what it shows.
_OF_THE_FILE = frozenset(
    {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "vendor_id", "alpha_mode"}
)
_STATISTICS = ("BPS", "NUMBER_OF_", "_STATISTICS")
# The tags that FFmpeg's MP4 and MOV writers know; with any other they must use their general way of storing tags.
_MOV_TAGS = {
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping",
    "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "creation_time", "timecode",
    "location", "track", "disc", "make", "model", "author",
}  # fmt: skip


class Remuxer:
    """Copies every stream but the graded one from a source to an output, in step with the pictures written."""

    def __init__(self, source: Path, output: OutputContainer, target: Path) -> None:
        """`target` is the output's final name, for what it cannot hold."""
        self._input = open_container(source)
        self._main = main_stream(self._input, source)
        self._output, self._target = output, target
        self._copies: dict[int, Stream] = {}
        self._packets: Iterator[Packet] = iter(())
        self._waiting: Packet | None = None
        # As FFmpeg does: the earliest timestamp of the source becomes zero.
        self.start = Fraction(max(0, self._input.start_time or 0), av.time_base)

    def __enter__(self) -> Remuxer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._input.close()

    def add_streams_before(self) -> None:
        """Adds the streams that come before the graded one in the source."""
        for stream in self._input.streams:
            if stream.index < self._main.index:
                self._add(stream)

    def add_streams_after(self, graded: Stream) -> None:
        """Adds the other streams, tags and chapters; `graded` takes over the tags of the stream it was made from."""
        _copy_tags(self._main, graded)
        for stream in self._input.streams:
            if stream.index > self._main.index:
                self._add(stream)
        tags = _kept(self._input.metadata)
        self._output.metadata.update(tags)
        if self._output.format.name in ("mp4", "mov") and not {key.split("-")[0] for key in tags} <= _MOV_TAGS:
            self._output.container_options["movflags"] = "use_metadata_tags"
        self._output.set_chapters(self._input.chapters())
        if self._copies:
            self._packets = self._input.demux([self._input.streams[index] for index in self._copies])

    def advance(self, until: float) -> None:
        """Copies packets up to a time in seconds of the source's clock."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            stamp = packet.pts if packet.dts is None else packet.dts
            if stamp is not None and float(stamp * packet.time_base) > until:
                self._waiting = packet
                return
            self._waiting = None
            if packet.size:  # the demuxer ends every stream with an empty packet
                self._mux(packet)

    def _mux(self, packet: Packet) -> None:
        shift = round(self.start / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.stream = self._copies[packet.stream_index]
        self._output.mux_one(packet)

    def _add(self, stream: Stream) -> None:
        if _is_timecode(stream):
            return  # MP4 and MOV write this track from the graded stream's timecode tag
        if not _holds(self._output.format.name, stream):
            name = stream.codec_context.codec.canonical_name if stream.codec_context else "of no known codec"
            warnings.warn(
                f"{self._target}: {stream.type} stream {stream.index} ({name}) is left out, "
                f"{self._target.suffix} cannot hold it; the input's own kind of file, or .mkv, may",
                stacklevel=2,
            )
            stream.discard = Discard.all
            return
        copy = self._output.add_stream_from_template(stream, opaque=True)
        _copy_tags(stream, copy)
        self._copies[stream.index] = copy


def _copy_tags(source: Stream, target: Stream) -> None:
    """Language, title, timecode and the like, and the roles (default, forced, commentary, ...)."""
    target.metadata.update(_kept(source.metadata))
    target.disposition = source.disposition


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    """Tags without those that only describe the file they were read from."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _OF_THE_FILE and not key.startswith(_STATISTICS)
    }


def _is_timecode(stream: Stream) -> bool:
    return stream.type == "data" and "timecode" in stream.metadata


def _holds(container_format: str, stream: Stream) -> bool:
    """Whether a container takes a stream: by writing a header in memory, since FFmpeg only knows then."""
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
