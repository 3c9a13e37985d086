"""NLUT's published weights under the names of the preset `nlut_released`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from lutgrade.models.encoders import fold_normalisation

_ENCODER = ("1.2", "2.1", "2.5", "3.1", "3.5", "4.1", "4.4", "4.7", "4.11")  # its convolutions in order
_RULES = [
    (r"^encoder\.enc_1\.0\.", "features.encoder.stem."),
    *(
        (rf"^encoder\.enc_{re.escape(name)}\.", f"features.encoder.convolutions.{i}.")
        for i, name in enumerate(_ENCODER)
    ),
    *((rf"^SB{i + 2}\.", f"features.blocks.{i}.") for i in range(4)),
    (r"\.conv1\.conv2d\.", ".first."),
    (r"\.conv1\.bn\.", ".first_norm."),
    (r"\.conv2\.conv2d\.", ".second."),
    (r"\.conv2\.bn\.", ".second_norm."),
    (r"^classifier\.", "head."),
    (r"^CLUTs\.s_Layers$", "bases.own_axis"),
    (r"^CLUTs\.w_Layers$", "bases.other_axes"),
    (r"^CLUTs\.LUTs$", "bases.cores"),
]


def convert_nlut(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published `state_dict` (semchan/NLUT) for the preset `nlut_released`.

    The published trilinear lookup has cells of 1.000001 / (S - 1), up to 1.7e-4 from the operator here.
    """
    ours = {nlut_name(key): value for key, value in published.items()}
    s, cores = ours["bases.own_axis"].shape[1], ours["bases.cores"]  # [s * bases * 3, w]
    ours["bases.cores"] = cores.view(s, -1, 3, cores.shape[1]).permute(1, 2, 0, 3).contiguous()
    stem = "features.encoder.stem."
    weight, bias = ours[stem + "weight"].view(3, 3), ours[stem + "bias"]
    ours[stem + "weight"], ours[stem + "bias"] = fold_normalisation(weight, bias)
    return ours


def nlut_name(key: str) -> str:
    """The name in `nlut_released` of a published weight; one that is not NLUT's keeps its own."""
    for pattern, name in _RULES:
        key = re.sub(pattern, name, key)
    return key
