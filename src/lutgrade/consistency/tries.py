"""The search for LUTs that make clips match: method after method, verified on the graded colours, the best kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lutgrade.consistency.distance import (
    Consistency,
    Signature,
    compare,
    distribution_difference,
    joined,
    mean_difference,
    signature,
)
from lutgrade.consistency.fitting import fit, with_look
from lutgrade.consistency.harm import graded
from lutgrade.consistency.plan import MatchOptions, Unit
from lutgrade.consistency.restraint import Restrained, restrained
from lutgrade.consistency.targets import Target
from lutgrade.lut import Lut
from lutgrade.protocols import LutModel

UNCHANGED = 0.5  # that a LUT changes a clip by on average, under which it is left as it is
ALIKE_MEAN, ALIKE = 0.25, 1.0  # from the target, in mean and distribution, under which a clip has its colours already
NOTICEABLE = 1.0  # difference of the worst pairs of two tries up to which the gentler is kept


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

    @property
    def worst(self) -> float:
        """Between the means of the worst pair, 0 where there is none."""
        return self.consistency.worst.mean if self.consistency.worst else 0.0

    def as_dict(self, threshold: float) -> dict[str, object]:
        worst = self.consistency.worst
        return {
            "method": self.method,
            "strength": round(self.strength, 3),
            "worst_mean": round(self.worst, 3),
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
    disturb a picture least to those that bend its colours most. Where none fits, the best is retried stronger, for the
    units that come nearer to the target by it.
    """
    settled = {name for bucket in buckets for name in settled_units(bucket)}
    fits = {(name, unit): Lut.identity(options.nodes) for name in models for unit in settled}
    tries: list[Try] = []
    plan = [(name, options.strength) for name in models]
    while plan:
        method, strength = plan.pop(0)
        tries.append(_attempt(method, strength, buckets, options, models[method], fits))
        if sum(t.consistency.below(options.threshold) for t in tries) >= count:
            break
        if not plan and strength == options.strength:
            plan = [(ranked(tries, options.threshold)[0].method, stronger) for stronger in options.strengths]
    return ranked(tries, options.threshold)


def ranked(tries: Sequence[Try], threshold: float) -> list[Try]:
    """Tries, given in the order of what they do to a picture, with the best first.

    That is the gentlest of those that leave the worst pair no farther apart than anybody sees.
    """
    best = tries[0]
    for other in tries[1:]:
        below, was_below = (t.consistency.below(threshold) for t in (other, best))
        if below > was_below or (below == was_below and other.worst < best.worst - NOTICEABLE):
            best = other
    others = (t for t in tries if t is not best)
    return [best, *sorted(others, key=lambda t: (not t.consistency.below(threshold), t.worst))]


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
            found = _nearest(unit, bucket.target, fits[method, unit.name], strength, options)
            lut = with_look(found.lut, bucket.target)
            seen = _is_seen(lut, unit)
            luts[unit.name] = lut if seen else Lut.identity(lut.size)
            signatures[unit.name] = signature(graded(luts[unit.name], unit.profile.colors), unit.profile.encoding)
            if found.why and found.strength < options.strength:
                part = f"{found.strength / options.strength:.0%}"
                moved = f"moved only {part} of the way" if seen else "left as it is"
                held[unit.name] = f"{moved}: {found.why}"
    return Try(method, strength, luts, consistency_of(buckets, signatures), held, time.perf_counter() - start)


def settled_units(bucket: Bucket) -> Iterator[str]:
    """The units that are the target itself, or whose colours nobody can tell from its own."""
    if not bucket.units:
        return
    wanted = signature(bucket.target.colors, bucket.units[0].profile.encoding)
    for unit in bucket.units:
        own = unit.profile.signature
        alike = mean_difference(own, wanted) < ALIKE_MEAN and distribution_difference(own, wanted) < ALIKE
        if alike or unit.name == bucket.target.kept:
            yield unit.name


def _nearest(unit: Unit, target: Target, fitted: Lut, strength: float, options: MatchOptions) -> Restrained:
    """The LUT of a unit at a strength, or at the one asked for where more of it leads past the target."""
    found = [restrained(unit, target, fitted, s, options) for s in dict.fromkeys((options.strength, strength))]
    if len(found) == 1:
        return found[0]
    encoding = unit.profile.encoding
    wanted = encoding.measured(target.colors.double()).mean(1)

    def distance(candidate: Restrained) -> float:
        reached = encoding.measured(graded(candidate.lut, unit.profile.colors).double()).mean(1)
        return float(encoding.difference(reached[:, None, None], wanted[:, None, None]))

    return min(found, key=distance)


def _is_seen(lut: Lut, unit: Unit) -> bool:
    """Whether a LUT changes a unit so much that anybody sees it."""
    encoding, colors = unit.profile.encoding, unit.profile.colors
    own, changed = (encoding.measure(x[:, None]) for x in (colors, graded(lut, colors)))
    return float(encoding.difference(own, changed).mean()) >= UNCHANGED
