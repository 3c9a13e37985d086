"""torchvision beside a torch it was not built for: its Python parts load once its compiled operators are declared.

The wheel on the package index is linked against CUDA. Beside a CPU-only torch its library cannot load, the operators
it registers are missing, and importing torchvision fails, and with it lpips, piq and open_clip. Nothing that
lutgrade uses calls those operators (they belong to object detection), so naming them is enough.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import torch

_SIGNATURES = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []  # a Library that is collected takes its declarations along


def prepare_torchvision() -> None:
    """Makes `import torchvision`, and what imports it, work; to be called just before.

    It declares the missing operators only where torchvision's own library cannot load, and is silent elsewhere: with
    a torchvision that fits, where it was imported already, or where it is not installed.
    """
    if "torchvision" in sys.modules or _declared or _library_loads():
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for signature in _SIGNATURES:
        library.define(signature)
    _declared.append(library)
    # torchvision says at import that it could not load its image library, which nothing here uses.
    warnings.filterwarnings("ignore", message="Failed to load image Python extension", module="torchvision")


def _library_loads() -> bool:
    """Whether torchvision's compiled library loads here; True as well where torchvision is absent."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return True
    libraries = list(Path(found.origin).parent.glob("_C.*"))
    try:
        for library in libraries:
            torch.ops.load_library(library)
    except OSError:
        return False
    return True
