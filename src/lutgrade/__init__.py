"""lutgrade: learned LUT grading of video.

A grade is a colour map, every model predicts one, and one operator applies it:

    import lutgrade

    model = lutgrade.load_model()            # the default model
    grade = model(content, reference)        # [B, 3, H, W] images, sRGB-encoded in [0, 1] -> a colour map
    graded = grade(content)
    lutgrade.grade("clip.mp4", "still.jpg")  # the same on files
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lutgrade.checkpoints import load_model as load_model
    from lutgrade.consistency.pipeline import match as match
    from lutgrade.grading import grade as grade
    from lutgrade.lut import Lut as Lut

# Resolved on first use, so that `import lutgrade` loads neither video nor model code.
_LAZY = {
    "Lut": "lutgrade.lut",
    "grade": "lutgrade.grading",
    "load_model": "lutgrade.checkpoints",
    "match": "lutgrade.consistency.pipeline",
}
_SUBMODULES = {
    "checkpoints",
    "color",
    "consistency",
    "data",
    "grading",
    "lut",
    "metrics",
    "models",
    "ops",
    "protocols",
    "video",
}

__all__ = ["Lut", "__version__", "grade", "load_model", "match"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"lutgrade.{name}")
    else:
        raise AttributeError(f"module 'lutgrade' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_SUBMODULES})
