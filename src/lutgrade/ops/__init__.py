"""The LUT operator."""

from lutgrade.ops.lut3d import apply_lut, backend

__all__ = ["apply_lut", "backend"]
