"""Where networks and LUTs run."""

from __future__ import annotations

import torch

from lutgrade.errors import InputError


def check_device(name: str) -> None:
    """Raises an InputError where a device such as "cpu" or "cuda:1" is unknown or not here."""
    try:
        torch.zeros(1, device=name).cpu()  # "meta" gives a tensor, but nothing back
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{name}' cannot be used: {str(error).splitlines()[0]}") from error
