"""Encoders: scales and sizes, published VGG weights under our names, and AdaIN."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lutgrade.errors import InputError
from lutgrade.models.adain import PairFeatures, adain, mean_std
from lutgrade.models.encoders import IMAGENET_MEAN, IMAGENET_STD, SmallEncoder, VGGEncoder, to_square
from lutgrade.weights import MissingWeights
from models.learned import pictures, small_encoder


def test_vgg_has_four_scales() -> None:
    encoder = VGGEncoder()
    scales = encoder(pictures(0, 1, 64, 48))
    assert [tuple(f.shape[1:]) for f in scales] == [(64, 64, 48), (128, 32, 24), (256, 16, 12), (512, 8, 6)]
    assert not any(p.requires_grad for p in encoder.parameters())
    assert sum(p.numel() for p in encoder.parameters()) == 3_505_740  # VGG-19 to relu4_1, and 12 of the 1 x 1


def test_small_encoder_halves_at_every_scale() -> None:
    scales = SmallEncoder((8, 16, 24, 32))(pictures(0, 2, 64, 48))
    assert [tuple(f.shape) for f in scales] == [(2, 8, 32, 24), (2, 16, 16, 12), (2, 24, 8, 6), (2, 32, 4, 3)]


def test_a_seed_gives_the_same_random_features() -> None:
    torch.manual_seed(1)
    first = SmallEncoder(seed=3, frozen=True)
    before = torch.rand(1)
    torch.manual_seed(1)
    SmallEncoder(seed=4)
    assert torch.equal(torch.rand(1), before)  # and leaves the global generator alone
    for a, b in zip(first.parameters(), SmallEncoder(seed=3).parameters(), strict=True):
        assert torch.equal(a, b)
        assert not a.requires_grad


def reference_vgg() -> nn.Sequential:
    """VGG-19 to relu4_1 as torchvision lays it out, with reflected borders."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs in (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512):
        if outputs == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(inputs, int(outputs), 3, padding=1, padding_mode="reflect"), nn.ReLU()]
            inputs = int(outputs)
    return nn.Sequential(*layers)


def test_torchvision_weights_give_torchvisions_features(tmp_path: Path) -> None:
    theirs = reference_vgg()
    torch.save({f"features.{key}": value for key, value in theirs.state_dict().items()}, tmp_path / "vgg19.pth")
    encoder = VGGEncoder(str(tmp_path / "vgg19.pth"))
    encoder.initialise()
    image = pictures(0, 1)
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(encoder(image)[-1], theirs((image - mean) / std), rtol=1e-4, atol=1e-5)


def test_the_normalised_vgg_is_recognised(tmp_path: Path) -> None:
    theirs, first = reference_vgg(), nn.Conv2d(3, 3, 1)
    indices = (2, 5, 9, 12, 16, 19, 22, 25, 29)  # in the published file
    convolutions = [layer for layer in theirs if isinstance(layer, nn.Conv2d)]
    state = {f"0.{key}": value for key, value in first.state_dict().items()}
    for index, convolution in zip(indices, convolutions, strict=True):
        state |= {f"{index}.{key}": value for key, value in convolution.state_dict().items()}
    torch.save(state, tmp_path / "vgg_normalised.pth")
    encoder = VGGEncoder(str(tmp_path / "vgg_normalised.pth"))
    encoder.initialise()
    image = pictures(0, 1)
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(encoder(image)[-1], theirs(first((image - mean) / std)), rtol=1e-4, atol=1e-5)


def test_missing_weights_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    encoder = VGGEncoder(str(tmp_path / "none.pth"))
    with pytest.raises(MissingWeights, match=r"no VGG-19 at .*none\.pth; get https.*vgg19") as caught:
        encoder.initialise()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vgg.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"vgg\.pth does not hold a VGG-19"):
        VGGEncoder(str(tmp_path / "vgg.pth")).initialise()


def test_adain_gives_the_references_statistics() -> None:
    generator = torch.Generator().manual_seed(0)
    content = 3 + torch.randn(2, 4, 9, 7, generator=generator)
    reference = torch.randn(2, 4, 5, 6, generator=generator) * 2 - 1
    out = adain(content, reference)
    for ours, wanted in zip(mean_std(out), mean_std(reference), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4)


def test_pair_features_see_the_content_only_with_its_statistics() -> None:
    """AdaIN replaces the content's level: a content lifted by a constant is the same to it."""
    torch.manual_seed(0)
    plain = PairFeatures(small_encoder(), resolution=32, width=8).eval()
    torch.manual_seed(0)
    ours = PairFeatures(small_encoder(), resolution=32, width=8, content_statistics=True).eval()
    content, reference = pictures(0, 1), pictures(1, 1)
    assert plain(content, reference).shape == (1, 32, 3, 3)
    assert ours(content, reference).shape == (1, 2 * 32 + 12, 3, 3)
    darker = ours(0.5 * content, reference) - ours(content, reference)
    assert darker[:, -12:-9].mean() < -0.1  # the content's mean colours, of the twelve at the end
    assert darker[:, -6:].abs().max() < 1e-6  # and the reference's


def test_a_pair_is_not_seen_at_too_few_pixels() -> None:
    PairFeatures(small_encoder(), resolution=32, width=8)
    with pytest.raises(InputError, match="at 32 pixels a side at least, not at resolution=31"):
        PairFeatures(small_encoder(), resolution=31, width=8)


def test_to_square_cleans_and_keeps_the_range() -> None:
    image = torch.full((1, 3, 7, 5), float("nan"))
    image[:, 1] = 2.0
    square = to_square(image, 16)
    assert square.shape == (1, 3, 16, 16)
    assert torch.equal(square[:, 0], torch.zeros(1, 16, 16))
    assert square.max() == 1
