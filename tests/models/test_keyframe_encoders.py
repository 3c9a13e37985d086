"""The encoders of key frames, on tiny networks, and their images beside those of the libraries' own processors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models import keyframe_encoders as encoders
from lutgrade.models.keyframe_encoders import Preprocessing, PretrainedEncoder, RandomEncoder
from lutgrade.models.keyframes import KeyframeSelector
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import MissingWeights
from models.tiny_networks import SIDE, save_clip, save_dinov2, save_open_clip

SIZES = [(45, 70), (71, 40), (300, 401), (20, 31), (64, 64)]


def photo(height: int, width: int, seed: int = 0) -> Tensor:
    """A smooth 8-bit picture, `[3, H, W]`."""
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0].clamp(0, 1)
    return (smooth * 255).round() / 255


def as_pil(image: Tensor) -> Image.Image:
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def check(ours: Tensor, theirs: Tensor, std: Tensor) -> None:
    """Alike up to rounding to 8 bits after each direction of the resizing, which the libraries do on the way."""
    assert ours.shape == theirs.shape
    difference = ((ours - theirs) * std[:, None, None]).abs() * 255
    assert difference.max() < 2.5
    assert difference.mean() < 0.5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> PretrainedEncoder:
    return encoders.clip_pooler(save_clip(tmp_path_factory.mktemp("clip") / "clip"))


@pytest.fixture(scope="module")
def open_clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_open_clip(tmp_path_factory.mktemp("open") / "clip")


@pytest.mark.parametrize("size", SIZES)
def test_clip_images_are_as_transformers_prepares_them(clip: PretrainedEncoder, size: tuple[int, int]) -> None:
    from transformers import CLIPImageProcessor

    image = photo(*size)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    theirs = processor((image * 255).byte(), return_tensors="pt").pixel_values[0]
    check(clip.preprocess(image[None])[0], theirs, torch.tensor(encoders.CLIP_STD))


@pytest.mark.parametrize("size", SIZES)
def test_dinov2_images_are_as_transformers_prepares_them(size: tuple[int, int], tmp_path: Path) -> None:
    from transformers import BitImageProcessor

    image = photo(*size)
    processor = BitImageProcessor(
        size={"shortest_edge": 80},
        crop_size={"height": 70, "width": 70},
        image_mean=encoders.IMAGENET_MEAN,
        image_std=encoders.IMAGENET_STD,
    )
    theirs = processor((image * 255).byte(), return_tensors="pt").pixel_values[0]
    ours = encoders.dinov2(save_dinov2(tmp_path / "dino"), resize=80, crop=70).preprocess(image[None])[0]
    check(ours, theirs, torch.tensor(encoders.IMAGENET_STD))


@pytest.mark.parametrize("size", SIZES)
def test_open_clip_images_are_as_it_prepares_them(open_clip_folder: Path, size: tuple[int, int]) -> None:
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    image = photo(*size)
    encoder = encoders.open_clip(open_clip_folder)
    config = open_clip.get_model_preprocess_cfg(encoder.network)
    theirs = image_transform_v2(PreprocessCfg(**config), is_train=False)(as_pil(image))
    assert tuple(encoder.preprocess.mean) == (0.5, 0.4, 0.3)
    check(encoder.preprocess(image[None])[0], theirs, torch.tensor(encoder.preprocess.std))


@pytest.mark.parametrize("size", SIZES)
def test_resnext_images_are_as_torchvision_prepares_them(size: tuple[int, int]) -> None:
    prepare_torchvision()
    from torchvision.models import ResNeXt50_32X4D_Weights

    weights = ResNeXt50_32X4D_Weights.IMAGENET1K_V2
    assert weights.url == encoders.RESNEXT.url
    image = photo(*size)
    ours = Preprocessing(232, 224, encoders.IMAGENET_MEAN, encoders.IMAGENET_STD, "bilinear")(image[None])[0]
    check(ours, weights.transforms()(as_pil(image)), torch.tensor(encoders.IMAGENET_STD))


def test_a_picture_of_the_right_size_is_only_normalised() -> None:
    image = photo(SIDE, SIDE)
    ours = Preprocessing(SIDE, SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(image[None])[0]
    assert torch.equal(ours, image)


def test_damaged_pixels_are_taken_as_black() -> None:
    image = photo(40, 50)
    image[:, 3, 4] = float("nan")
    assert bool(Preprocessing(32, 32)(image[None]).isfinite().all())


def test_the_pooler_is_before_the_projection(clip: PretrainedEncoder, tmp_path: Path) -> None:
    from transformers import CLIPModel

    whole = CLIPModel.from_pretrained(save_clip(tmp_path / "clip")).eval()
    images = torch.stack([photo(40, 60, seed) for seed in range(3)])
    pixels = clip.preprocess(images)
    with torch.inference_mode():
        expected = whole.vision_model(pixel_values=pixels).pooler_output
    assert expected.shape[1] != whole.config.projection_dim
    torch.testing.assert_close(clip(images), expected)


def test_open_clip_gives_the_projected_embedding(open_clip_folder: Path) -> None:
    import open_clip

    network = open_clip.create_model(f"local-dir:{open_clip_folder}").eval()
    encoder = encoders.open_clip(open_clip_folder)
    images = photo(40, 60)[None]
    with torch.inference_mode():
        expected = network.encode_image(encoder.preprocess(images))
    assert expected.shape == (1, 16)
    torch.testing.assert_close(encoder(images), expected)


@pytest.mark.parametrize("kind", ["clip", "open_clip", "dinov2"])
def test_the_frame_itself_is_found_again(kind: str, tmp_path: Path, device: torch.device) -> None:
    build: dict[str, Callable[[], PretrainedEncoder]] = {
        "clip": lambda: encoders.clip_pooler(save_clip(tmp_path / "a")),
        "open_clip": lambda: encoders.open_clip(save_open_clip(tmp_path / "b")),
        "dinov2": lambda: encoders.dinov2(save_dinov2(tmp_path / "c"), resize=80, crop=70),
    }
    frames = torch.stack([photo(40, 60, seed) for seed in range(4)])
    selector = KeyframeSelector(build[kind]().to(device))
    assert selector.features(frames).device == frames.device
    assert selector(frames, frames[2:3]) == (2, 0)


def test_resnext_reads_torchvisions_file_and_pools(tmp_path: Path) -> None:
    prepare_torchvision()
    from torchvision.models import resnext50_32x4d

    torch.manual_seed(0)
    network = resnext50_32x4d().eval()
    torch.save(network.state_dict(), tmp_path / "resnext.pth")
    encoder = encoders.resnext(tmp_path / "resnext.pth", resize=64, crop=64)
    images = photo(64, 64)[None]
    with torch.inference_mode():
        assert torch.equal(network.fc(encoder(images)), network(encoder.preprocess(images)))
    assert encoder(images).shape == (1, 2048)


def test_a_missing_or_wrong_resnext_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(MissingWeights, match=r"get https://\S+resnext50_32x4d\S+\.pth and save it as"):
        encoders.resnext()
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="does not hold a ResNeXt-50"):
        encoders.resnext(tmp_path / "other.pth")


def test_an_open_clip_folder_without_its_configuration_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"holds no open_clip_config\.json"):
        encoders.open_clip(tmp_path)


def test_a_signature_follows_the_weights(clip: PretrainedEncoder, tmp_path: Path) -> None:
    same = encoders.clip_pooler(save_clip(tmp_path / "clip"))
    assert same.signature == clip.signature
    other = encoders.clip_pooler(save_clip(tmp_path / "clip"))
    with torch.no_grad():
        next(other.network.parameters()).add_(1)
    assert other.signature != clip.signature


def test_chance_repeats_with_its_seed_and_is_even() -> None:
    frames = torch.stack([photo(8, 8, seed) for seed in range(4)])
    references = torch.stack([photo(8, 8, seed) for seed in range(10, 13)])
    encoder = RandomEncoder(seed=3)
    assert torch.equal(encoder(frames), encoder(frames))
    assert torch.equal(encoder(frames)[1:2], encoder(frames[1:2]))
    chosen = [KeyframeSelector(RandomEncoder(seed))(frames, references) for seed in range(600)]
    counts = np.bincount([3 * t + n for t, n in chosen], minlength=12)
    assert len(counts) == 12
    assert counts.min() > 25  # 50 are expected of each
    assert counts.max() < 80
