"""Published checkpoints of VideoColorGrading and NLUT as ours: every key is used, or listed with why it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.errors import InputError
from lutgrade.models.gs_extractor import GSExtractor
from lutgrade.models.ldiffuser import lut_unet
from lutgrade.models.reference_attention import add_reference_attention
from lutgrade.models.released import convert_nlut, nlut_name
from lutgrade.models.stable_diffusion import make_unet

Convert = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Report:
    """What became of every key.

    Attributes:
        used: our name of each published key that was taken.
        ignored: why each other published key was not.
        missing: our keys that the published state gives nothing for.
    """

    used: dict[str, str]
    ignored: dict[str, str]
    missing: list[str]

    def __str__(self) -> str:
        lines = [f"{len(self.used)} keys used, {len(self.ignored)} ignored, {len(self.missing)} missing"]
        lines += [f"  ignored {key}: {reason}" for key, reason in self.ignored.items()]
        return "\n".join(lines + [f"  missing {key}" for key in self.missing])


class Imported(NamedTuple):
    """A network with published weights, in eval mode, and what became of every key."""

    model: nn.Module
    report: Report


@dataclass(frozen=True)
class Kind:
    """A published network.

    Args:
        entry: of a checkpoint's file under which its state lies; a file may also hold it bare.
        build: makes ours, from changes of its configuration.
        name: our name of a published key; the same by default.
        convert: a published state of which each key has a place, to ours; as it is by default.
        unused: the start of keys that are known to do nothing, and why.
    """

    entry: str
    build: Callable[..., nn.Module]
    name: Callable[[str], str] = str
    convert: Convert = dict
    unused: Mapping[str, str] = field(default_factory=dict)


def from_released(kind: str, state_dict: Mapping[str, Tensor], **unet_config: Any) -> Imported:
    """A network of ours with the weights of a published state.

    Args:
        kind: "vcg-gs-extractor" (a `GSExtractor`), "vcg-editor" (the image editor's U-Net, for `read_banks`),
            "vcg-ldiffuser" (the L-Diffuser's U-Net, likewise) or "nlut" (the preset `nlut_released`).
        state_dict: as published, of any width.
        unet_config: where it differs from the published network, as arguments of diffusers' `UNet2DConditionModel`,
            such as `block_out_channels=(32, 64, 128, 128)`; of `NLUT` for nlut.

    Returns:
        The model, in float32, and the report.

    Raises:
        InputError: an unknown kind, or weights that are missing or of another shape; names them.
    """
    found = kind_of(kind)
    model = _on_meta(found, unet_config)
    report, ours = _account(found, model, state_dict)
    if report.missing:
        wrong = next((f" ({k}: {v})" for k, v in report.ignored.items() if v.startswith("its shape")), "")
        first = report.missing[0]
        raise InputError(f"this is not the whole state of a {kind}: {len(report.missing)} missing, as {first}{wrong}")
    model.load_state_dict({key: _own(value) for key, value in ours.items()}, assign=True)
    return Imported(model.eval(), report)


def account(kind: str, state_dict: Mapping[str, Tensor], **unet_config: Any) -> Report:
    """What `from_released` would make of every key, whether or not the state is whole; loads nothing.

    Raises:
        InputError: an unknown kind, or a weight whose shape cannot be brought into ours.
    """
    found = kind_of(kind)
    return _account(found, _on_meta(found, unet_config), state_dict)[0]


def kind_of(name: str) -> Kind:
    """A kind by its name; an InputError where there is none."""
    if name not in KINDS:
        raise InputError(f"unknown kind '{name}'; it is one of {', '.join(KINDS)}")
    return KINDS[name]


def _on_meta(kind: Kind, config: Mapping[str, Any]) -> nn.Module:
    """Ours without memory behind it, which the published tensors then take."""
    with torch.device("meta"):
        return kind.build(**config)


def _account(kind: Kind, model: nn.Module, published: Mapping[str, Tensor]) -> tuple[Report, dict[str, Tensor]]:
    """The report, and our state as far as it goes."""
    expected = model.state_dict()
    placed = {key: kind.name(key) for key in published if kind.name(key) in expected}
    ignored = {key: _reason(kind, key) for key in published if key not in placed}
    try:
        ours = kind.convert({key: published[key] for key in placed})
    except RuntimeError as error:  # shapes that cannot be brought into ours
        raise InputError(f"a weight is not of its published shape: {str(error).splitlines()[0]}") from error
    for key, name in list(placed.items()):
        theirs, wanted = list(ours[name].shape), list(expected[name].shape)
        if theirs != wanted:
            ignored[key] = f"its shape {theirs} is not {wanted}"
            del placed[key], ours[name]
    missing = [name for name in expected if name not in ours]
    return Report(placed, ignored, missing), ours


def _reason(kind: Kind, key: str) -> str:
    return next((why for start, why in kind.unused.items() if key.startswith(start)), "no weight of ours")


def _own(value: Tensor) -> Tensor:
    """A copy that nobody else holds, floats in float32."""
    return value.detach().to(torch.float32 if value.is_floating_point() else value.dtype, copy=True).contiguous()


def _editor_unet(**config: Any) -> nn.Module:
    unet = make_unet(**{"in_channels": 8, **config})
    add_reference_attention(unet)
    return unet


def _nlut(**config: Any) -> nn.Module:
    preset = yaml.safe_load((paths.configs() / "model" / "nlut_released.yaml").read_text(encoding="utf-8"))
    return build({**preset, **config})


def _nlut_state(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    whole = {"CLUTs.s_Layers", "CLUTs.LUTs", "encoder.enc_1.0.weight", "encoder.enc_1.0.bias"} <= published.keys()
    return convert_nlut(published) if whole else {nlut_name(key): value for key, value in published.items()}


def _inside(key: str) -> str:
    return f"unet.{key}"


_BEHIND = "it lies behind the last bank, where nothing reads it"
_LAST = "up_blocks.3.attentions.2."

KINDS: dict[str, Kind] = {
    "vcg-gs-extractor": Kind(
        "referencenet_state_dict",
        GSExtractor,
        _inside,
        convert=lambda state: {_inside(key): value for key, value in state.items()},
        unused={
            "conv_norm_out.": _BEHIND,
            "conv_out.": _BEHIND,
            _LAST + "proj_out.": _BEHIND,
            _LAST + "transformer_blocks.0.": _BEHIND,
        },
    ),
    "vcg-editor": Kind("unet_state_dict", _editor_unet),
    "vcg-ldiffuser": Kind("unet_state_dict", lut_unet),
    "nlut": Kind("state_dict", _nlut, nlut_name, _nlut_state),
}
