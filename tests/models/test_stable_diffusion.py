"""Stable Diffusion's parts, tiny, as their libraries save them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from lutgrade.errors import InputError
from lutgrade.models.conditions import StyleDifference
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.editor import ImageEditor
from lutgrade.models.frames import PixelCodec, square
from lutgrade.models.stable_diffusion import StableDiffusionCodec, load_part, make_unet, start_from, start_gaussian
from lutgrade.weights import MissingWeights
from models.learned import pictures
from models.test_editor import TINY
from models.tiny_networks import WIDTH, save_clip

LATENT = TINY | {"cross_attention_dim": WIDTH}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `vae/`, `unet/` and `clip/`."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    folder = tmp_path_factory.mktemp("sd")
    torch.manual_seed(0)
    stages = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    vae = AutoencoderKL(**stages, block_out_channels=(4, 4, 4, 4), norm_num_groups=2, latent_channels=4)
    vae.save_pretrained(folder / "vae")
    make_unet(**LATENT).save_pretrained(folder / "unet")
    save_clip(folder / "clip")
    return folder


@pytest.fixture
def codec(published: Path) -> StableDiffusionCodec:
    return StableDiffusionCodec(64, vae=str(published), clip=str(published / "clip"))


def test_the_codec_is_the_vae_and_clip(codec: StableDiffusionCodec, published: Path) -> None:
    from transformers import CLIPVisionModel

    images = codec.fit(pictures(0))
    latents, context = codec.encode(images), codec.context(images)
    assert latents.shape == (2, 4, 8, 8)
    assert context.shape == (2, 1, WIDTH)
    assert codec.decode(latents).shape == images.shape
    vae = load_part("vae", published)
    wanted = vae.encode(2 * images - 1).latent_dist.mean * 0.18215  # type: ignore[operator]
    torch.testing.assert_close(latents, wanted)
    back = (vae.decode(wanted / 0.18215).sample / 2 + 0.5).clamp(0, 1)  # type: ignore[operator]
    torch.testing.assert_close(codec.decode(latents), back)
    clip = CLIPVisionModel.from_pretrained(published / "clip")
    mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
    small = torch.nn.functional.interpolate(images, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    pooled = clip(pixel_values=(small - mean[:, None, None]) / std[:, None, None]).pooler_output
    torch.testing.assert_close(context[:, 0], pooled, rtol=1e-4, atol=1e-4)


def test_an_editor_trains_on_what_the_codec_gives(codec: StableDiffusionCodec, published: Path) -> None:
    editor = ImageEditor(codec, Diffusion(), extractor=LATENT, unet=LATENT, weights=str(published), steps=2)
    editor.initialise()
    images = codec.fit(pictures(0))
    context = codec.context(images)
    banks = editor.banks(codec.encode(images), context)
    editor.denoise(
        codec.encode(images), editor.source_latents(images), torch.tensor([3, 4]), context, banks
    ).sum().backward()
    assert all(p.grad is not None for p in editor.parameters())
    assert editor(images, images)(images).shape == images.shape
    assert not [key for key in editor.state_dict() if "codec" in key]
    assert copy.deepcopy(editor).codec is codec


@pytest.mark.parametrize("widened", ["zero", "random"])
def test_an_editor_starts_from_the_published_network(
    codec: StableDiffusionCodec, published: Path, widened: str
) -> None:
    torch.manual_seed(1)
    editor = ImageEditor(
        codec,
        Diffusion(),
        extractor=LATENT,
        unet=LATENT,
        weights=str(published),
        widened=widened,  # type: ignore[arg-type]
    )
    editor.initialise()
    wanted = load_part("unet", published).state_dict()
    own = editor.unet.state_dict()
    for key in own.keys() - {"conv_in.weight"}:
        assert torch.equal(own[key], wanted[key])
    for key, value in editor.extractor.unet.state_dict().items():
        assert torch.equal(value, wanted[key])
    first = own["conv_in.weight"]
    assert torch.equal(first[:, :4], wanted["conv_in.weight"]) == (widened == "zero")
    assert (first[:, 4:] == 0).all() == (widened == "zero")


def test_gaussian_weights_are_as_wide_as_torchs_and_no_more_bounded() -> None:
    torch.manual_seed(0)
    unet = make_unet(**LATENT)
    own = {name: p.detach().clone() for name, p in unet.named_parameters()}
    start_gaussian(unet)
    for name, parameter in unet.named_parameters():
        weight = parameter.detach()
        if weight.dim() > 1 and weight.numel() > 500:
            assert float(weight.std()) == pytest.approx(float(own[name].std()), rel=0.15)
            assert 0.05 < float((weight.abs() > own[name].abs().max()).float().mean()) < 0.12  # 8.3 % of a Gaussian
        elif weight.dim() == 1:
            assert torch.equal(weight, own[name])


def test_missing_weights_say_which_and_where_they_go(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingWeights) as caught:
        load_part("vae", "someone/nothing")
    assert "has no vae/config.json and no vae/diffusion_pytorch_model.safetensors on this machine" in str(caught.value)
    assert "hf download stable-diffusion-v1-5/stable-diffusion-v1-5 vae/config.json" in str(caught.value)
    assert str(tmp_path / "cache") in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingWeights, match=r"no unet/config\.json"):
        load_part("unet", published / "clip")
    with pytest.raises(MissingWeights, match="clip-none"):
        StableDiffusionCodec(64, clip="someone/clip-none").context(pictures(0))


def test_all_that_is_missing_is_said_at_once_before_the_first_step(
    codec: StableDiffusionCodec, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    nothing = StableDiffusionCodec(64)
    stages = [
        (ImageEditor(nothing, Diffusion(), extractor=LATENT, unet=LATENT, weights="someone/nothing"), "no unet/config"),
        (StyleDifference(nothing, LATENT, checkpoint=str(tmp_path)), f"so that {tmp_path}/model.safetensors is there"),
    ]
    for stage, own in stages:
        with pytest.raises(MissingWeights) as caught:
            stage.initialise()
        said = str(caught.value)
        assert all(part in said for part in (own, "no vae/config.json", "`hf download openai/clip-vit-base-patch32`"))
        assert said.count("weights not found") == 1
    ImageEditor(codec, Diffusion(), extractor=LATENT, unet=LATENT, weights=str(published)).initialise()


def test_weights_of_another_network_are_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fit no layer"):
        start_from(make_unet(**LATENT), {"conv_in.weight": torch.zeros(3, 4, 3, 3)}, "zero")
    for file in ("config.json", "diffusion_pytorch_model.safetensors"):
        (tmp_path / "vae").mkdir(exist_ok=True)
        (tmp_path / "vae" / file).write_bytes((published / "vae" / file).read_bytes()[:600])
    with pytest.raises(InputError, match="cannot be loaded as a AutoencoderKL"):
        load_part("vae", tmp_path)


@pytest.mark.parametrize("shape", [(40, 60), (61, 40), (17, 17), (1, 1)])
def test_frames_are_cropped_in_the_middle_or_squashed(shape: tuple[int, int]) -> None:
    image = torch.zeros(1, 3, *shape)
    image[..., :, : shape[1] // 4] = 1.0  # a white quarter on the left
    crop, squash = square(image, 16, "crop"), square(image, 16, "squash")
    assert crop.shape == squash.shape == (1, 3, 16, 16)
    if shape == (40, 60):  # 10 of the 60 columns are cut off on either side, so 5 of 40 are white
        assert crop[0, 0, 0].sum().item() == pytest.approx(2.0, abs=0.4)
        assert squash[0, 0, 0].sum().item() == pytest.approx(4.0, abs=0.1)


def test_pixels_come_back() -> None:
    codec = PixelCodec(16)
    images = codec.fit(pictures(0))
    torch.testing.assert_close(codec.decode(codec.encode(images)), images)
    assert codec.context(pictures(0)).shape == (2, 1, 48)
    with pytest.raises(InputError, match="crop, squash"):
        PixelCodec(16, fit="stretch")  # type: ignore[arg-type]
