"""torchvision can be imported beside whichever torch is installed, and a good one is left alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("piq", reason="piq and lpips are the libraries that need it", exc_type=ImportError)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_needs_torchvision_can_be_imported_after_it() -> None:
    code = """
from lutgrade.torchvision_shim import prepare_torchvision
prepare_torchvision()
prepare_torchvision()
import lpips, piq, torchvision
print(torchvision.models.alexnet().features[0].out_channels)
"""
    assert run(code) == "64"


def test_nothing_is_declared_where_the_library_loads_or_torchvision_is_absent() -> None:
    code = """
import lutgrade.torchvision_shim as shim
shim._library_loads = lambda: True
shim.prepare_torchvision()
print(len(shim._declared))
import importlib.util
importlib.util.find_spec = lambda name: None
import importlib
importlib.reload(shim).prepare_torchvision()
print(len(shim._declared))
"""
    assert run(code).split() == ["0", "0"]
