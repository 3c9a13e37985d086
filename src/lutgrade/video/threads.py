"""How many threads FFmpeg's decoders and encoders may take."""

from __future__ import annotations

import torch

_OF_A_DECODER = 2


def encoder_threads() -> int:
    """0 leaves it to FFmpeg. 1 where torch is held to one thread, as in processes that share out the cores."""
    return 1 if torch.get_num_threads() == 1 else 0


def decoder_threads() -> int:
    """As `encoder_threads`, but 2 for 1: the last process at work has more than one core to itself."""
    return _OF_A_DECODER if torch.get_num_threads() == 1 else 0
