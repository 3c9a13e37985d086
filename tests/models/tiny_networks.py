"""Published architectures at a few thousand weights, saved as their libraries save them."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from lutgrade.torchvision_shim import prepare_torchvision

prepare_torchvision()

SIDE, WIDTH = 32, 24
TOWER = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_clip(folder: Path) -> Path:
    """A whole CLIP of transformers, with a tokenizer of single letters."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    text = TOWER | {"vocab_size": 60, "max_position_embeddings": 77, "bos_token_id": 57, "eos_token_id": 58}
    vision = TOWER | {"image_size": SIDE, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    letters = "abcdefghijklmnopqrstuvwxyz,."
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|unk|>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    special = {"bos_token": tokens[-2], "eos_token": tokens[-1], "unk_token": tokens[-3], "pad_token": tokens[-1]}
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def save_dinov2(folder: Path) -> Path:
    """A DINOv2 of transformers."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    settings = {k: v for k, v in TOWER.items() if k != "intermediate_size"}
    Dinov2Model(Dinov2Config(**settings, image_size=70, patch_size=14)).save_pretrained(folder)
    return folder


def save_open_clip(folder: Path) -> Path:
    """A CLIP of open_clip, as its repositories on the Hub lie in a folder."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir()
    model = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 60, "width": 32, "heads": 2, "layers": 1},
    }
    config = {"model_cfg": model, "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**model).state_dict(), folder / "open_clip_model.safetensors")
    return folder
