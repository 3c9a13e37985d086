"""Memory does not grow with a clip's length."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clips import scene, write_clip

SCRIPT = Path(__file__).parents[1] / "scripts" / "benchmark_grade.py"


def peak_megabytes(clip: Path) -> float:
    """Of a process that grades the clip to itself."""
    command = [sys.executable, str(SCRIPT), str(clip), "--reference", str(clip), "--child"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(run.stdout.splitlines()[-1])["peak_mb"])


@pytest.mark.slow
def test_a_clip_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    frames = scene(1, 40, (540, 960))
    short = write_clip(tmp_path / "short.mp4", frames)
    long = write_clip(tmp_path / "long.mp4", np.concatenate([frames] * 10))
    first, second = peak_megabytes(short), peak_megabytes(long)
    # All frames held would be 6 MB each, over 2 GB more; the queues fill a little further in a longer run.
    assert second < first + 100
