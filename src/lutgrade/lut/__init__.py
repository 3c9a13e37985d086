"""3-D LUTs: the type, its files, and what can be made of it."""

from lutgrade.lut.fit import fit_lut, invert
from lutgrade.lut.formats import load, save
from lutgrade.lut.looks import Look, load_looks, looks
from lutgrade.lut.lut import Lut, identity_table
from lutgrade.lut.mix import mix, random_look, random_mix
from lutgrade.lut.quality import assess

__all__ = [
    "Look",
    "Lut",
    "assess",
    "fit_lut",
    "identity_table",
    "invert",
    "load",
    "load_looks",
    "looks",
    "mix",
    "random_look",
    "random_mix",
    "save",
]
