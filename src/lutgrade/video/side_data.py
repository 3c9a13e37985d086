"""What frames of HDR say beside their colour tags: how a display is to show the picture as it is."""

from __future__ import annotations

from collections.abc import Iterator

import av

_METADATA = {
    "MASTERING_DISPLAY_METADATA": "mastering display",  # SMPTE ST 2086
    "CONTENT_LIGHT_LEVEL": "light level",  # CTA-861.3
    "DYNAMIC_HDR_PLUS": "HDR10+",  # SMPTE ST 2094-40
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "DOVI_METADATA": "Dolby Vision",
    "AMBIENT_VIEWING_ENVIRONMENT": "viewing environment",
}
# Of FFmpeg's AVDOVIRpuDataHeader, at the offset that the first eight bytes of AVDOVIMetadata say.
_RPU_PROFILE, _FULL_RANGE = 4, 10


def display_metadata(frame: av.VideoFrame) -> Iterator[str]:
    """The kinds of display metadata that a frame carries; a grade makes all of them untrue."""
    for name, kind in _METADATA.items():
        if frame.side_data.get(name) is not None:
            yield kind


def is_dolby_ipt(frame: av.VideoFrame) -> bool:
    """Whether a frame is Dolby Vision of profile 5 (10.0 in AV1): IPT in full range, whatever its tags say."""
    data = frame.side_data.get("DOVI_METADATA")
    if data is None:
        return False
    metadata = bytes(data)
    header = int.from_bytes(metadata[:8], "little")
    return metadata[header + _RPU_PROFILE] == 0 and metadata[header + _FULL_RANGE] == 1
