"""What a program that owns its process settles before torch is loaded."""

from __future__ import annotations

import os


def quiet_threads() -> None:
    """Lets idle OpenMP threads sleep: spinning, they take the cores from decoder, encoder and data loader.

    The runtime reads it when torch is loaded; a value that is there already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
