"""The search for LUTs that make clips match: method after method, verified on the graded colours, the best kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from lutgrade.consistency.distance import (
    Consistency,
    Signature,
    compare,
    distribution_difference,
    joined,
    mean_difference,
    signature,
)
from lutgrade.consistency.fitting import finish, fit, with_look
from lutgrade.consistency.harm import harm_of
from lutgrade.consistency.plan import MatchOptions, Unit
from lutgrade.consistency.targets import Target
from lutgrade.errors import LutgradeError
from lutgrade.lut import Lut
from lutgrade.protocols import LutModel

UNCHANGED = 0.5  # that a LUT changes a clip by on average, under which it is left as it is
ALIKE_MEAN, ALIKE = 0.25, 1.0  # from the target, in mean and distribution, under which a clip has its colours already
PARTS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)  # of a strength, until a LUT does no harm
MOST_STOPS = 1.5  # of luminance that a clip's mean lightness may be moved by: a night is not made a day


@dataclass(frozen=True, eq=False)
class Bucket:
    """Units that are matched with each other, and what to."""

    name: str
    units: tuple[Unit, ...]  # without black ones
    target: Target


@dataclass(frozen=True, eq=False)
class Try:
    """What one method at one strength comes to, on the colours of the frames that were looked at."""

    method: str
    strength: float
    luts: Mapping[str, Lut]  # of each unit
    consistency: Consistency
    held: Mapping[str, str]  # why a unit was not moved all the way
    seconds: float

    def order(self, threshold: float) -> tuple[bool, float]:
        """What tries are sorted by, the best first."""
        worst = self.consistency.worst
        return not self.consistency.below(threshold), worst.mean if worst else 0.0

    def as_dict(self, threshold: float) -> dict[str, object]:
        worst = self.consistency.worst
        return {
            "method": self.method,
            "strength": round(self.strength, 3),
            "worst_mean": round(worst.mean, 3) if worst else 0.0,
            "worst_pair": [worst.a, worst.b] if worst else None,
            "mean": round(self.consistency.mean, 3),
            "distribution": round(self.consistency.distribution, 3),
            "held_back": dict(self.held),
            "below_threshold": self.consistency.below(threshold),
            "seconds": round(self.seconds, 2),
        }


def search(
    buckets: Sequence[Bucket], options: MatchOptions, models: Mapping[str, LutModel], count: int = 1
) -> list[Try]:
    """Every try made, the best first.

    The methods are tried in turn at the strength asked for until so many fit; the order of `auto` goes from those that
    disturb a picture least to those that bend its colours most. Where none fits, the best is retried stronger.
    """
    settled = {unit.name for bucket in buckets for unit in bucket.units if _has_colors_of(bucket.target, unit)}
    fits = {(name, unit): Lut.identity(options.nodes) for name in models for unit in settled}
    tries: list[Try] = []
    plan = [(name, options.strength) for name in models]
    while plan:
        method, strength = plan.pop(0)
        tries.append(_attempt(method, strength, buckets, options, models[method], fits))
        if sum(t.consistency.below(options.threshold) for t in tries) >= count:
            break
        if not plan and strength == options.strength:
            best = min(tries, key=lambda t: t.order(options.threshold))
            plan = [(best.method, stronger) for stronger in options.strengths]
    return sorted(tries, key=lambda t: t.order(options.threshold))


def consistency_of(buckets: Sequence[Bucket], signatures: Mapping[str, Signature]) -> Consistency:
    """All pairs of every bucket; a target from outside counts as one of its members."""
    parts = []
    for bucket in buckets:
        named = [(unit.name, signatures[unit.name]) for unit in bucket.units]
        if bucket.target.outside and named:
            encoding = bucket.units[0].profile.encoding
            named.append((f"target {bucket.target.name}", signature(bucket.target.final_colors, encoding)))
        parts.append(compare(named))
    return joined(parts)


def _attempt(
    method: str,
    strength: float,
    buckets: Sequence[Bucket],
    options: MatchOptions,
    model: LutModel,
    fits: dict[tuple[str, str], Lut],
) -> Try:
    start = time.perf_counter()
    luts: dict[str, Lut] = {}
    signatures: dict[str, Signature] = {}
    held: dict[str, str] = {}
    for bucket in buckets:
        for unit in bucket.units:
            if (method, unit.name) not in fits:
                fits[method, unit.name] = fit(model, unit.profile, bucket.target, options.nodes, options.device)
            lut, why = _harmless(unit, bucket.target, fits[method, unit.name], strength, options)
            luts[unit.name] = _noticeable(with_look(lut, bucket.target), unit)
            signatures[unit.name] = signature(_graded(luts[unit.name], unit.profile.colors), unit.profile.encoding)
            held |= {unit.name: why} if why else {}
    return Try(method, strength, luts, consistency_of(buckets, signatures), held, time.perf_counter() - start)


def _has_colors_of(target: Target, unit: Unit) -> bool:
    """Whether a unit is the target itself, or nobody sees that its colours are others."""
    if unit.name == target.kept:
        return True
    own, wanted = (signature(c, unit.profile.encoding) for c in (unit.profile.colors, target.colors))
    return mean_difference(own, wanted) < ALIKE_MEAN and distribution_difference(own, wanted) < ALIKE


def _harmless(unit: Unit, target: Target, fitted: Lut, strength: float, options: MatchOptions) -> tuple[Lut, str]:
    """The LUT of a unit at the strength, or as much of it as does no harm, and why it is less."""
    if not bool(fitted.table.isfinite().all()):
        raise LutgradeError(f"{unit.name}: the method gave a LUT that is not finite")
    reach = _reach(unit, target)
    why = f"its light may change by {MOST_STOPS:g} stops at most" if reach < 1 else ""
    own = unit.profile.colors
    for part in PARTS:
        lut = finish(fitted, strength * reach * part, options.protect_skin)
        harm = harm_of(own, _graded(lut, own), target.colors, unit.profile.encoding)
        if not harm:
            break
        why = harm[0]
    return lut, why


def _noticeable(lut: Lut, unit: Unit) -> Lut:
    """The LUT, or the identity where it changes the unit by less than anybody sees."""
    own, encoding = unit.profile.colors[:, None], unit.profile.encoding
    graded = _graded(lut, unit.profile.colors)[:, None]
    change = encoding.difference(encoding.measure(own), encoding.measure(graded)).mean()
    return Lut.identity(lut.size) if float(change) < UNCHANGED else lut


def _reach(unit: Unit, target: Target) -> float:
    """The part of the way to a target that a unit may go, so that its light changes by `MOST_STOPS` at most."""
    encoding = unit.profile.encoding
    own, wanted = float(unit.profile.mean[0]), float(encoding.measured(target.colors.double())[0].mean())
    factor = 2.0 ** (MOST_STOPS if wanted > own else -MOST_STOPS)
    farthest = encoding.lightness(factor * encoding.luminance(own))
    if target.exact or abs(wanted - own) <= abs(farthest - own):
        return 1.0
    return (farthest - own) / (wanted - own)


def _graded(lut: Lut, colors: Tensor) -> Tensor:
    """Colours `[3, N]` through a LUT."""
    return lut(colors[:, None], interpolation="tetrahedral")[:, 0].clamp(0, 1)
