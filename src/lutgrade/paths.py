"""Where the project's own files lie: in the checkout, or inside the package once a wheel is installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def configs() -> Path:
    """The Hydra configuration groups."""
    return _resolve("configs", "configs")


def shipped_checkpoints() -> Path:
    """The weights that come with the project."""
    return _resolve("checkpoints", "shipped")


def _resolve(in_checkout: str, in_package: str) -> Path:
    checkout = _CHECKOUT / in_checkout
    return checkout if (_CHECKOUT / "pyproject.toml").is_file() else _PACKAGE / in_package
