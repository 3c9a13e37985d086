"""Published networks from folders: what is loaded, and what is said where it is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from lutgrade.errors import InputError
from lutgrade.models.pretrained import load_transformers, local_folder, weights_digest
from lutgrade.weights import MissingWeights
from models.tiny_networks import save_clip, save_dinov2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("pretrained") / "clip")


def test_the_image_half_of_a_clip_is_loaded_as_it_was_saved(clip: Path) -> None:
    from transformers import CLIPModel

    whole = CLIPModel.from_pretrained(clip).vision_model.state_dict()
    network = load_transformers("CLIPVisionModel", clip)
    ours = {name.removeprefix("vision_model."): tensor for name, tensor in network.state_dict().items()}
    assert whole.keys() == ours.keys()
    assert all(torch.equal(whole[name], tensor) for name, tensor in ours.items())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_weights_of_another_network_are_refused_instead_of_left_random(clip: Path) -> None:
    with pytest.raises(InputError, match="holds no weights of a Dinov2Model"):
        load_transformers("Dinov2Model", clip)


def test_a_missing_name_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingWeights, match=r"run `hf download someone/absent`, .* source"):
        local_folder("someone/absent")


@pytest.mark.parametrize("library", ["huggingface_hub", "transformers"])
def test_a_missing_library_says_what_to_install(library: str, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingWeights, match=rf"they need {library}; run `pip install 'lutgrade\[models\]'`"):
        load_transformers("CLIPVisionModel", clip if library == "transformers" else "someone/absent")


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingWeights, match="no folder /no/such/folder"):
        local_folder("/no/such/folder")


def test_a_configuration_without_weights_is_missing_weights(tmp_path: Path) -> None:
    (save_dinov2(tmp_path / "dino") / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match=r"does not hold config\.json and model\.safetensors"):
        load_transformers("Dinov2Model", tmp_path / "dino")


def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    (save_dinov2(tmp_path / "dino") / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="cannot be loaded as a Dinov2Model") as error:
        load_transformers("Dinov2Model", tmp_path / "dino")
    assert "\n" not in str(error.value)


def test_a_digest_follows_every_weight() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = weights_digest(network)
    assert weights_digest(network) == before
    network[1].running_mean[0] += 1e-6
    assert weights_digest(network) != before
