"""Data sets: what a model is trained on and measured with, each item a `protocols.Sample`."""

from lutgrade.data.both_ways import BothWays
from lutgrade.data.compositions import Compositions
from lutgrade.data.graded import GradedPairs, UngradedSample
from lutgrade.data.images import PhotoFolder, packaged_photos
from lutgrade.data.luts import Looks, LutBank, LutFiles, RandomLooks
from lutgrade.data.pairs import PairedProtocol, film_fifth
from lutgrade.data.samples import collate
from lutgrade.data.takes import Takes
from lutgrade.data.videos import ClipFolder

__all__ = [
    "BothWays",
    "ClipFolder",
    "Compositions",
    "GradedPairs",
    "Looks",
    "LutBank",
    "LutFiles",
    "PairedProtocol",
    "PhotoFolder",
    "RandomLooks",
    "Takes",
    "UngradedSample",
    "collate",
    "film_fifth",
    "packaged_photos",
]
