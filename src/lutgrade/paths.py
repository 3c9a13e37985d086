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


def checkout() -> Path | None:
    """The project's source tree; None where a wheel is installed."""
    return _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else None


def _resolve(in_checkout: str, in_package: str) -> Path:
    root = checkout()
    return _PACKAGE / in_package if root is None else root / in_checkout
