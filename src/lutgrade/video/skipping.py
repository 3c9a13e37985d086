"""Which packets a decoder needs when only a frame every so often is wanted."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from fractions import Fraction

from av.packet import Packet
from av.video.stream import VideoStream

_REORDER = 32  # packets, of which no codec displays one later than a packet that comes this much after it
_AHEAD = 2 * _REORDER
_CODECS = ("h264", "hevc")  # which say of a packet that nothing refers to it
_LAYERS = 21  # the byte of H.265's configuration record (ISO/IEC 14496-15) that has their number
_CONTAINERS = ("mp4", "matroska")  # whose packets are one frame each and have its timestamp


class Skipper:
    """Leaves out what shows no frame that is wanted and what no other frame refers to.

    Attributes:
        index: of the frames that came by, in order of display, by timestamp.
    """

    @classmethod
    def of(cls, stream: VideoStream, every: float) -> Skipper | None:
        """None where nothing can be left out, or where packets need not say what they show."""
        codec, container = stream.codec_context.codec, stream.container.format.name
        known = (codec.canonical_name in _CODECS and not _layered(stream)) or codec.intra_only
        return cls(stream, every) if known and any(name in container for name in _CONTAINERS) else None

    def __init__(self, stream: VideoStream, every: float) -> None:
        """`every` is the seconds between frames that are wanted, the first at or after each due time."""
        self.index: dict[int, int] = {}
        self._context, self._every = stream.codec_context, every
        self._independent = self._context.codec.intra_only
        self._due = float("-inf")
        self._wanted: set[int] = set()
        self._stamps: list[int] = []  # a heap of those not yet judged
        self._waiting: deque[Packet] = deque()

    def needed(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        """The packets of one stream that must be decoded; the decoder is told what to skip in the next one."""
        for packet in packets:
            if packet.pts is None or packet.time_base is None:  # the last, which is empty, or a kind without stamps
                yield from self._judged(rest=True)
                self._context.skip_frame = "DEFAULT"
                yield packet
                continue
            self._waiting.append(packet)
            if packet.is_discard:  # before the start that the file's edit list sets
                self._wanted.add(packet.pts)
                continue
            heapq.heappush(self._stamps, packet.pts)
            while len(self._stamps) > _REORDER:
                self._judge(heapq.heappop(self._stamps), packet.time_base)
            yield from self._judged()
        yield from self._judged(rest=True)

    def _judge(self, pts: int, unit: Fraction) -> None:
        self.index[pts] = len(self.index)
        time = float(pts * unit)
        if time >= self._due:
            self._due = max(self._due, time) + self._every
            self._wanted.add(pts)

    def _judged(self, rest: bool = False) -> Iterator[Packet]:
        if rest:
            while self._stamps:
                self._judge(heapq.heappop(self._stamps), self._waiting[-1].time_base)
            while self._waiting and self._waiting[-1].pts not in self._wanted:
                self._waiting.pop()
        while self._waiting and (rest or len(self._waiting) > _AHEAD):
            packet = self._waiting.popleft()
            wanted = packet.pts in self._wanted
            if wanted or not self._independent:
                self._context.skip_frame = "DEFAULT" if wanted else "NONREF"
                yield packet


def _layered(stream: VideoStream) -> bool:
    """Whether H.265 has layers in time, or may: what a layer's own frames do not refer to, those above it may."""
    facts = stream.codec_context.extradata or b""
    if stream.codec_context.codec.canonical_name != "hevc":
        return False
    return len(facts) <= _LAYERS or (facts[_LAYERS] >> 3) & 7 != 1
