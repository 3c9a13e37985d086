"""Mixtures of LUTs, and random creative LUTs to train on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from lutgrade.errors import InputError
from lutgrade.lut.looks import Look, Operation
from lutgrade.lut.lut import Lut, identity_table, sample_nodes


def mix(luts: Sequence[Lut], weights: Sequence[float]) -> Lut:
    """The weighted sum of LUTs, on the nodes of the largest; the identity takes what the weights lack to 1.

    Weights in [0, 1] interpolate, others extrapolate: `mix([a, b], [1.5, -0.5])` exaggerates what sets `a` apart
    from `b`, and `mix([a], [0.5])` is half of `a`. The result is not clamped.

    Raises:
        InputError: no LUTs, as many weights as LUTs not given, or LUTs of different domains.
    """
    if not luts or len(luts) != len(weights):
        raise InputError(f"mix takes one weight for every LUT, not {len(weights)} for {len(luts)}")
    if any(not _same_domain(lut, luts[0]) for lut in luts):
        raise InputError("LUTs of different domains do not mix; bring them to one domain first")
    size = max(lut.size for lut in luts)
    resized = [lut.resize(size) for lut in luts]
    first = resized[0]
    table = first.table - first.residual()  # the identity over the domain
    for lut, weight in zip(resized, weights, strict=True):
        table = table + weight * lut.residual()
    return Lut(table, first.domain)


def _same_domain(a: Lut, b: Lut) -> bool:
    if a.domain is None or b.domain is None:
        return a.domain is b.domain
    return torch.equal(a.domain, b.domain)


def stack_tables(luts: Sequence[Lut], size: int) -> Tensor:
    """LUTs as tables `[K, 3, S, S, S]` of one size over [0, 1], for `random_mix`; domains and shapers are baked in."""
    if not luts:
        raise InputError("there are no LUTs to stack")
    return torch.stack([sample_nodes(lut, identity_table(size).to(lut.table)) for lut in luts])


def random_mix(tables: Tensor, generator: Generator, *, count: int = 1) -> Tensor:
    """Random extrapolations of three LUTs: `a L1 + b L2 + (1 - a - b) L3`, with a, b ~ U(-1, 1), clipped to [0, 1].

    The training LUTs of "Video Color Grading via Look-Up Table Generation" (arXiv 2508.00548).

    Args:
        tables: `[K, 3, S, S, S]`, from which three are drawn with replacement for each mixture.
        generator: the source of all draws, on any device.
        count: mixtures to make.

    Returns:
        `[count, 3, S, S, S]`, on the device of `tables`.
    """
    device = generator.device
    drawn = torch.randint(len(tables), (count, 3), generator=generator, device=device).to(tables.device)
    ab = 2 * torch.rand(count, 2, generator=generator, device=device) - 1
    weights = torch.cat([ab, 1 - ab.sum(1, keepdim=True)], dim=1).to(tables)
    return torch.einsum("bk,bkcxyz->bcxyz", weights, tables[drawn]).clamp(0, 1)


def random_look(generator: Generator) -> Look:
    """A random creative grade: three to eight smooth operations, each at the strength a colourist would use."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand(1, generator=generator, device=generator.device).item()

    candidates = _draw_operations(draw)
    count = int(draw(3, 9))
    chosen = torch.randperm(len(candidates), generator=generator, device=generator.device)[:count].sort().values
    return Look("random_look", "A random grade.", operations=tuple(candidates[i] for i in chosen.tolist()))


def _draw_operations(draw: Callable[[float, float], float]) -> list[Operation]:
    """Every operation that a random look may have, in the order of application, with parameters drawn."""

    def colour(low: float, high: float) -> list[float]:
        return [draw(low, high) for _ in range(3)]

    steepness = draw(-0.06, 0.09)
    operations: list[tuple[str, dict[str, Any]]] = [
        ("exposure", {"amount": draw(-0.6, 0.3)}),
        ("temperature", {"amount": draw(-0.6, 0.6)}),
        ("tint", {"amount": draw(-0.4, 0.4)}),
        ("channel_mixer", _crosstalk(colour(-0.12, 0.12), colour(-0.12, 0.12))),
        ("hue_range", {"hue": draw(20, 90), "width": 50, "shift": draw(-15, 15), "saturation": draw(0.7, 1.2)}),
        ("hue_range", {"hue": draw(110, 190), "width": 65, "shift": draw(-30, 30), "saturation": draw(0.4, 1.2)}),
        ("hue_range", {"hue": draw(220, 270), "width": 65, "shift": draw(-30, 30), "saturation": draw(0.5, 1.2)}),
        (
            "split_tone",
            {
                "shadow_hue": draw(0, 360),
                "shadow_amount": draw(0, 0.06),
                "highlight_hue": draw(0, 360),
                "highlight_amount": draw(0, 0.05),
            },
        ),
        ("saturation", {"amount": draw(0.3, 1.25)}),
        ("lift_gamma_gain", {"lift": colour(-0.02, 0.05), "gamma": colour(0.87, 1.15), "gain": colour(0.9, 1.05)}),
        ("curve", {"points": [[0, 0], [0.25, 0.25 - steepness], [0.75, 0.75 + steepness], [1, 1]]}),
        ("fade", {"black": colour(0, 0.12), "white": colour(0.88, 1)}),
    ]
    return [Operation(name, parameters) for name, parameters in operations]


def _crosstalk(low: Sequence[float], high: Sequence[float]) -> dict[str, list[float]]:
    """A channel mixer that keeps greys: what a channel takes from the two others it gives up of itself."""
    rows = {}
    for i, name in enumerate(("red", "green", "blue")):
        row = [0.0, 0.0, 0.0]
        row[i - 1], row[i - 2] = low[i], high[i]
        row[i] = 1 - low[i] - high[i]
        rows[name] = row
    return rows
