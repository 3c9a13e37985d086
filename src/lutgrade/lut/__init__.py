"""3-D LUTs: the type, its files, and what can be made of it."""

from lutgrade.lut.lut import Lut, identity_table

__all__ = ["Lut", "identity_table"]
