"""How far a LUT is taken: no further than it does its clip no harm, and than the light of a scene may change."""

from __future__ import annotations

from typing import NamedTuple

from lutgrade.consistency.ends import anchored
from lutgrade.consistency.fitting import finish
from lutgrade.consistency.harm import Judge
from lutgrade.consistency.plan import MatchOptions, Unit
from lutgrade.consistency.targets import Target
from lutgrade.errors import LutgradeError
from lutgrade.lut import Lut

PARTS = tuple(part / 10 for part in range(10, -1, -1))  # of a strength, until a LUT does no harm
MOST_STOPS = 1.5  # of luminance that a clip's mean lightness may be moved by: a night is not made a day


class Restrained(NamedTuple):
    """A LUT taken as far as it may go.

    Attributes:
        strength: that it has.
        why: this is less than was asked for; empty where it is not.
    """

    lut: Lut
    strength: float
    why: str


def restrained(unit: Unit, target: Target, fitted: Lut, strength: float, options: MatchOptions) -> Restrained:
    """The fitted LUT of a unit at a strength, or as much of it as does no harm."""
    if not bool(fitted.table.isfinite().all()):
        raise LutgradeError(f"{unit.name}: the method gave a LUT that is not finite")
    judge = Judge.of(unit.profile, target.colors)
    most = min(strength, _farthest(unit, target))
    why = f"its light may change by {MOST_STOPS:g} stops at most" if most < strength else ""
    for part in PARTS:
        lut = finish(fitted, part * most, options.protect_skin)
        harm = judge.harm(lut)
        if harm:
            lut = anchored(lut, judge)
            harm = judge.harm(lut)
        if not harm:
            break
        why = harm[0]
    return Restrained(lut, part * most, why)


def _farthest(unit: Unit, target: Target) -> float:
    """The strength at which the light of a unit would change by `MOST_STOPS`; infinite where none would."""
    encoding = unit.profile.encoding
    own, wanted = float(unit.profile.mean[0]), float(encoding.measured(target.colors.double())[0].mean())
    if target.exact or wanted == own:
        return float("inf")
    factor = 2.0 ** (MOST_STOPS if wanted > own else -MOST_STOPS)
    return (encoding.lightness(factor * encoding.luminance(own)) - own) / (wanted - own)
