"""Fixtures that all tests share."""

# ruff: noqa: E402  (threads are settled before torch is loaded)
from __future__ import annotations

import os
from pathlib import Path

from lutgrade.process import quiet_threads

quiet_threads()

import pytest
import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)  # what passes here passes elsewhere
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))  # "default" draws anew every time

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real photographs, clips and LUTs beside the checkout; tests that need it skip without it."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}")
    return DATA


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that the operator has kernels for."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device(request.param)
