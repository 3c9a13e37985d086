"""Who is matched with whom, to what, and by which LUTs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lutgrade.consistency.groups import cluster
from lutgrade.consistency.plan import MatchOptions, Unit
from lutgrade.consistency.store import Store, identity, key_of
from lutgrade.consistency.targets import Member, TargetSpec, build_target
from lutgrade.consistency.tries import Bucket, search
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.protocols import LutModel

UNGROUPED = "all"


@dataclass(frozen=True, eq=False)
class Candidate:
    """The LUTs of one try, by unit."""

    method: str
    strength: float
    luts: Mapping[str, Lut]


@dataclass(frozen=True, eq=False)
class Decision:
    """The candidates to render, the best first, and all that was tried; `key` is of all that they depend on."""

    candidates: tuple[Candidate, ...]
    tries: tuple[dict[str, Any], ...]
    key: str


def grouped(units: Sequence[Unit], options: MatchOptions) -> list[Unit]:
    """The units with a group each: their own, or that of their cluster, or one for all."""
    loose = [unit for unit in units if unit.group is None and not unit.kept]
    names = dict.fromkeys((unit.name for unit in loose), UNGROUPED)
    if options.groups != "none" and loose:
        labels, features = cluster([unit.profile for unit in loose], options.groups)
        names = {unit.name: f"{features} {label + 1}" for unit, label in zip(loose, labels, strict=True)}
    return [unit if unit.group is not None else replace(unit, group=names.get(unit.name, UNGROUPED)) for unit in units]


def seem_unlike(units: Sequence[Unit]) -> list[list[str]]:
    """Names of units by what they seem to show, where that is more than one thing."""
    shown = [unit for unit in units if not unit.kept]
    labels, _ = cluster([unit.profile for unit in shown], "lab") if len(shown) > 1 else ([], "")
    if len(set(labels)) < 2:
        return []
    return [[u.name for u, label in zip(shown, labels, strict=True) if label == n] for n in range(max(labels) + 1)]


def buckets_of(units: Sequence[Unit], options: MatchOptions) -> list[Bucket]:
    """The units that are matched with each other: of one group and with one target."""
    members: dict[tuple[str, TargetSpec], list[Unit]] = {}
    for unit in units:
        if not unit.kept:
            assert unit.group is not None
            assert unit.target is not None
            members.setdefault((unit.group, unit.target), []).append(unit)
    return [_bucket(group, spec, own, units, options) for (group, spec), own in members.items()]


def _bucket(group: str, spec: TargetSpec, own: Sequence[Unit], units: Sequence[Unit], options: MatchOptions) -> Bucket:
    """Units of a group that share a target; a span's own target may be made of units beside them."""
    others = [unit for unit in units if not unit.profile.is_black and unit not in own]
    if spec == options.target:
        sources = list(own)
        if spec.kind == "hero" and spec.value and all(unit.clip_name != spec.value for unit in own):
            if len(own) > 1:
                names = ", ".join(unit.name for unit in own)
                raise InputError(
                    f"the hero {spec.value} is in another group than {names}; --target hero takes one of each group"
                )
            spec = TargetSpec("first")  # alone in its group: there is nothing to match it with
    elif spec.kind == "hero" and spec.value:
        sources = [unit for unit in others if unit.clip_name == spec.value] or list(own)
    else:
        sources = [u for u in others if u.group == group and u.target == options.target] or list(own)
    of_sources = [Member(unit.name, unit.clip_name, unit.profile, unit.weight) for unit in sources]
    target = build_target(spec, of_sources, options.matrix)
    if not any(unit is source for unit in own for source in sources):
        target = replace(target, outside=True)
    return Bucket(group, tuple(own), target)


def decide(
    store: Store,
    units: Sequence[Unit],
    buckets: Sequence[Bucket],
    keys: Sequence[str],
    options: MatchOptions,
    models: Mapping[str, LutModel],
    count: int = 1,
) -> Decision:
    """The LUTs; from the store where the same was decided before.

    Args:
        store: of the match.
        units: with their groups.
        buckets: of those.
        keys: what identifies the colours of the clips.
        options: of the match.
        models: of the methods.
        count: of the candidates, where there are so many.
    """
    settings = {k: v for k, v in asdict(options).items() if k not in ("workers", "memory", "interpolation")}
    read = [file for unit in units if unit.target is not None for file in unit.target.files]
    read += [folder for name in options.methods if (folder := Path(name)).is_dir()]  # checkpoints
    files = [identity(file) for file in read]
    named = [(u.name, u.span, str(u.target), u.weight, u.group, u.profile.encoding.name) for u in units]
    key = key_of("decision", list(keys), named, settings, files, count)
    decision = _read(store, key)
    if decision is None:
        tries = search(buckets, options, models, count)
        decision = Decision(
            tuple(Candidate(t.method, t.strength, t.luts) for t in tries[:count]),
            tuple(t.as_dict(options.threshold) for t in tries),
            key,
        )
        _write(store, decision)
    return decision


def _read(store: Store, key: str) -> Decision | None:
    facts, tables = store.read_json("decision", key), store.read_tensors("decision", key)
    if facts is None or tables is None:
        return None
    candidates = tuple(
        Candidate(c["method"], c["strength"], {name: Lut(tables[f"{i} {name}"]) for name in c["units"]})
        for i, c in enumerate(facts["candidates"])
    )
    return Decision(candidates, tuple(facts["tries"]), key)


def _write(store: Store, decision: Decision) -> None:
    tables = {f"{i} {name}": lut.table for i, c in enumerate(decision.candidates) for name, lut in c.luts.items()}
    store.write_tensors("decision", decision.key, tables)
    candidates = [{"method": c.method, "strength": c.strength, "units": list(c.luts)} for c in decision.candidates]
    store.write_json("decision", decision.key, {"candidates": candidates, "tries": decision.tries})
