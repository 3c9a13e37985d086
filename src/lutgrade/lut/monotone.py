"""LUTs whose greys do not fall while their input rises, so that no ring shows around highlights."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.lut.lut import identity_table
from lutgrade.ops import apply_lut

FINER = 4  # greys that are looked at, a cell
ROUNDS = 16
ENOUGH = 1e-3  # a fall that no 8-bit file shows
REACH = 0.5  # saturation at which a colour is left alone


def monotone_greys(table: Tensor) -> Tensor:
    """Tables `[B, 3, S, S, S]` in which no channel falls along the grey axis; where none does, unchanged.

    Each channel of the greys takes the middle between the highest value so far and the lowest to come, the smallest
    change at worst. Colours follow the grey of their mean, the less so the more saturated they are. Between nodes a
    grey depends on colours beside the axis too, so that it is done in rounds. A channel that is turned over, as in a
    negative, is left alone.
    """
    size = table.shape[-1]
    nodes = identity_table(size).to(table)  # [3, S, S, S]
    saturation = nodes.amax(0) - nodes.amin(0)
    weight = (1 - saturation / REACH).clamp_min(0)
    place = nodes.mean(0).flatten()  # which grey a node follows
    ramp = torch.linspace(0, 1, FINER * (size - 1) + 1).to(table)
    for _ in range(ROUNDS):
        greys = apply_lut(ramp.expand(len(table), 3, 1, -1).contiguous(), table)[:, :, 0]  # [B, 3, G]
        upright = greys[..., -1:] >= greys[..., :1]
        change = (_rising(greys) - greys) * upright
        if change.abs().max() < ENOUGH:
            break
        table = table + weight * _read(change, place).unflatten(-1, table.shape[-3:])
    return table


def _rising(values: Tensor) -> Tensor:
    highest = values.cummax(-1).values
    lowest = values.flip(-1).cummin(-1).values.flip(-1)
    return (highest + lowest) / 2


def _read(curve: Tensor, place: Tensor) -> Tensor:
    """Curves `[..., G]` over [0, 1] read at places `[N]`, `[..., N]`."""
    position = place * (curve.shape[-1] - 1)
    below = position.floor().long().clamp(max=curve.shape[-1] - 2)
    return curve[..., below].lerp(curve[..., below + 1], position - below)
