"""The published networks stated again as plain functions of a state dict, to hold the models to.

Nothing of diffusers or lutgrade is used: SD 1.5's U-Net by its published keys, the bank of a block (its norm1's
output), and a bank's tokens behind a block's own as keys and values of its self-attention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

HEADS, GROUPS, LEVELS = 4, 4, 4


class NaiveUNet:
    """A U-Net as published. `banks` fills as it runs; `read` holds tokens for some blocks' self-attention."""

    def __init__(self, state: Mapping[str, Tensor], read: Mapping[str, Tensor] | None = None) -> None:
        self.state, self.read, self.banks = state, read or {}, {}

    def __call__(self, x: Tensor, timestep: int, context: Tensor | None) -> Tensor | None:
        """The output, or None where the state ends behind the last bank."""
        self.time, self.context = self.embed(timestep, x), context
        x = self.conv("conv_in", x)
        skips = [x]
        for level in range(LEVELS):
            for layer in range(self.layers(f"down_blocks.{level}")):
                x = self.stage(f"down_blocks.{level}", layer, x)
                skips.append(x)
            if f"down_blocks.{level}.downsamplers.0.conv.weight" in self.state:
                x = self.conv(f"down_blocks.{level}.downsamplers.0.conv", x, stride=2)
                skips.append(x)
        x = self.resnet("mid_block.resnets.0", x)
        x = self.resnet("mid_block.resnets.1", self.transformer("mid_block.attentions.0", x))
        for level in range(LEVELS):
            for layer in range(self.layers(f"up_blocks.{level}")):
                x = self.stage(f"up_blocks.{level}", layer, torch.cat([x, skips.pop()], 1))
            if f"up_blocks.{level}.upsamplers.0.conv.weight" in self.state:
                x = self.conv(f"up_blocks.{level}.upsamplers.0.conv", F.interpolate(x, scale_factor=2.0))
        if "conv_out.weight" not in self.state:
            return None
        return self.conv("conv_out", F.silu(self.norm("conv_norm_out", x, 1e-5)))

    def layers(self, block: str) -> int:
        return len({key.split(".")[3] for key in self.state if key.startswith(f"{block}.resnets.")})

    def stage(self, block: str, layer: int, x: Tensor) -> Tensor:
        x = self.resnet(f"{block}.resnets.{layer}", x)
        name = f"{block}.attentions.{layer}"
        return self.transformer(name, x) if f"{name}.norm.weight" in self.state else x

    def resnet(self, name: str, x: Tensor) -> Tensor:
        h = self.conv(f"{name}.conv1", F.silu(self.norm(f"{name}.norm1", x, 1e-5)))
        h = h + self.linear(f"{name}.time_emb_proj", F.silu(self.time))[:, :, None, None]
        h = self.conv(f"{name}.conv2", F.silu(self.norm(f"{name}.norm2", h, 1e-5)))
        return h + (self.conv(f"{name}.conv_shortcut", x) if f"{name}.conv_shortcut.weight" in self.state else x)

    def transformer(self, name: str, x: Tensor) -> Tensor:
        h = self.conv(f"{name}.proj_in", self.norm(f"{name}.norm", x, 1e-6))
        tokens = h.flatten(2).transpose(1, 2)  # [B, N, C]
        block = f"{name}.transformer_blocks.0"
        own = self.banks[block] = self.layer_norm(f"{block}.norm1", tokens)
        if f"{block}.attn1.to_q.weight" not in self.state:
            return x  # the end of a GS-Extractor
        seen = torch.cat([own, self.read[block]], 1) if block in self.read else own
        tokens = tokens + self.attention(f"{block}.attn1", own, seen)
        own = self.layer_norm(f"{block}.norm2", tokens)
        tokens = tokens + self.attention(f"{block}.attn2", own, own if self.context is None else self.context)
        value, gate = self.linear(f"{block}.ff.net.0.proj", self.layer_norm(f"{block}.norm3", tokens)).chunk(2, -1)
        tokens = tokens + self.linear(f"{block}.ff.net.2", value * F.gelu(gate))
        return x + self.conv(f"{name}.proj_out", tokens.transpose(1, 2).unflatten(2, x.shape[2:]))

    def attention(self, name: str, tokens: Tensor, seen: Tensor) -> Tensor:
        query, key, value = (
            (source @ self.state[f"{name}.to_{part}.weight"].T).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part, source in (("q", tokens), ("k", seen), ("v", seen))
        )  # [B, heads, N, C / heads]
        weights = (query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])).softmax(-1)
        return self.linear(f"{name}.to_out.0", (weights @ value).transpose(1, 2).flatten(2))

    def embed(self, timestep: int, x: Tensor) -> Tensor:
        width = self.state["time_embedding.linear_1.weight"].shape[1]
        angles = timestep * torch.exp(-math.log(10_000) * torch.arange(width // 2) / (width // 2))
        wave = torch.cat([angles.cos(), angles.sin()])[None].expand(len(x), -1)
        return self.linear("time_embedding.linear_2", F.silu(self.linear("time_embedding.linear_1", wave)))

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight, self.state[f"{name}.bias"], stride, weight.shape[-1] // 2)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def norm(self, name: str, x: Tensor, eps: float) -> Tensor:
        return F.group_norm(x, GROUPS, self.state[f"{name}.weight"], self.state[f"{name}.bias"], eps)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"], 1e-5)


def naive_ddim(predict_noise: object, x: Tensor) -> list[Tensor]:
    """The published sampling: 25 steps at 961, 921, ..., 1 of linear betas, without added noise; x after each."""
    alphas = (1 - torch.linspace(0.00085, 0.012, 1000, dtype=torch.float64)).cumprod(0).tolist()
    latents = []
    for timestep in range(961, 0, -40):
        a, before = alphas[timestep], alphas[timestep - 40] if timestep >= 40 else 1.0
        noise = predict_noise(x, timestep)  # type: ignore[operator]
        clean = (x - math.sqrt(1 - a) * noise) / math.sqrt(a)
        x = math.sqrt(before) * clean + math.sqrt(1 - before) * noise
        latents.append(x)
    return latents


def random_state(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Weights of given shapes under which every layer's output varies about as much as its input."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if len(shape) > 1:
            state[name] = noise / math.sqrt(noise[0].numel())
        else:
            state[name] = 0.1 * noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return state
