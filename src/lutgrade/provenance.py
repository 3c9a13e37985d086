"""What made a result: the versions, the commit, the machine."""

from __future__ import annotations

import platform
import subprocess

import lutgrade
from lutgrade import paths


def environment() -> dict[str, str]:
    """The versions that a result depends on, the commit where the project is a git checkout, and the machine."""
    import torch

    return {
        "lutgrade": lutgrade.__version__,
        "commit": commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """The checkout's commit, with `-dirty` behind it where files were changed; "unknown" where there is none."""
    root = paths.checkout()
    if root is None:  # an installed package may lie in a repository of something else
        return "unknown"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
