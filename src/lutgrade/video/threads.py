"""How many threads FFmpeg's decoders and encoders may take."""

from __future__ import annotations

import torch


def codec_threads() -> int:
    """0 leaves it to FFmpeg. 1 where torch is held to one thread, as in processes that share out the cores."""
    return 1 if torch.get_num_threads() == 1 else 0
