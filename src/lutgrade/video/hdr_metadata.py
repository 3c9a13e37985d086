"""What HDR files say of the display that they were mastered on, beside their colour tags."""

from __future__ import annotations

from pathlib import Path

from lutgrade.video.probe import main_stream, open_container

_STATIC = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")  # SMPTE ST 2086, CTA-861.3


def has_static_metadata(path: Path) -> bool:
    """Whether a video's first frame carries the mastering display's volume or the content's light levels.

    Raises:
        InputError: it cannot be opened.
    """
    with open_container(path) as container:
        frame = next(container.decode(main_stream(container, path)), None)
        return frame is not None and any(frame.side_data.get(kind) is not None for kind in _STATIC)
