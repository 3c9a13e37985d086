"""The state that a run continues from, apart from the checkpoints that others load.

A run folder holds `state.pt` (weights, optimiser, averaged weights, loss scale, step, best score, configuration),
`last/` and `best/` (checkpoints for `lutgrade.load_model`), `log.jsonl` and `samples/`. No generator's state is in
it: order and randomness follow from the seed and the step (see `batches`).
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import replacing

STATE = "state.pt"
# What may differ between a run and its continuation: it changes no loss, or by rounding alone.
EXECUTION = ("trainer.gradient_checkpointing", "trainer.fused_attention", "trainer.channels_last")
FREE = ("resume", "name", "paths", "trainer.workers", "trainer.wandb", "trainer.samples", *EXECUTION)


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes `state.pt`, in one piece or not at all.

    Raises:
        LutgradeError: the disk is full; what was there before stays.
    """
    with replacing(folder / STATE) as temporary:
        try:
            torch.save(dict(state), temporary)
        except RuntimeError as error:  # torch's writer hides the reason of the system
            free = shutil.disk_usage(folder).free / 2**20
            raise LutgradeError(
                f"cannot write {folder / STATE} with {free:.0f} MB free on its disk; the state before it is kept"
            ) from error


def load_state(folder: Path) -> dict[str, Any] | None:
    """Reads `state.pt`; None where there is none.

    Raises:
        InputError: it cannot be read, or is none of a run.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0] or "it is empty"
        raise InputError(f"{path} is damaged ({reason}); begin again under another name") from error
    if not isinstance(state, dict) or not {"step", "config", "weights"} <= state.keys():
        raise InputError(f"{path} is no state of a run; begin again under another name")
    return state


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises an InputError where a run would be continued with settings that change its losses."""
    old, new = dict(_flat(before)), dict(_flat(now))
    for key in sorted(old.keys() | new.keys()):
        free = any(key == name or key.startswith(f"{name}.") for name in FREE) or key.endswith("_every")
        if not free and old.get(key) != new.get(key):
            raise InputError(
                f"{folder} was begun with {key}={old.get(key)}, not {new.get(key)}: "
                "continue it with the same settings, or begin another run under another name"
            )


def remove_partial(folder: Path) -> None:
    """Removes what a killed process was writing."""
    for path in folder.rglob(".*.partial*"):
        path.unlink(missing_ok=True)


def _flat(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(config, Mapping) and config:
        for key, value in config.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, config
