"""Key frames of files: one a second, whole or cached, and what is said of bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clips import scene, write_clip
from lutgrade import paths, selecting
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import Cache
from lutgrade.models.keyframes import KeyframeSelector, LabHistogram
from lutgrade.selecting import build_selector, select_keyframes, selector_names
from lutgrade.weights import MissingWeights
from models.tiny_networks import save_clip

SECONDS = [(200, 40, 30), (40, 180, 60), (30, 60, 200), (200, 40, 30)]  # a colour for each second of a clip


def plain(color: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """A frame `[48, 64, 3]` of colours around one."""
    noise = np.random.default_rng(seed).normal(0, 8, (48, 64, 3))
    return np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds at 10 frames a second."""
    return write_clip(tmp_path / "clip.mp4", [plain(c, i) for i, c in enumerate(SECONDS) for _ in range(10)], rate=10)


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "blue.png"
    Image.fromarray(plain(SECONDS[2], 9)).save(path)
    return path


class Counting(LabHistogram):
    """Counts the images that it encodes."""

    def __init__(self) -> None:
        super().__init__(8)
        self.count = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.count += len(images)
        return super().__call__(images)


def test_the_second_of_the_same_colour_is_chosen(clip: Path, still: Path) -> None:
    pair = select_keyframes(clip, still)
    assert (pair.content.index, pair.content.time) == (20, pytest.approx(2.0))
    assert pair.reference.index == 0
    assert pair.content.image.shape == (3, 48, 64)
    assert pair.content.image.mean((1, 2)).argmax() == 2
    assert 0.5 < pair.similarity <= 1
    assert select_keyframes(still, clip).reference.index == 20


def test_of_equal_pairs_the_first_is_taken(tmp_path: Path) -> None:
    frames = [plain(SECONDS[i]) for i in (1, 0, 0) for _ in range(10)]
    twice = write_clip(tmp_path / "twice.mkv", frames, rate=10, codec="ffv1", pixel_format="yuv444p")
    pair = select_keyframes(twice, twice, KeyframeSelector(lambda images: images.mean((2, 3))))
    assert (pair.content.index, pair.reference.index) == (0, 0)
    Image.fromarray(plain(SECONDS[0])).save(tmp_path / "red.png")
    assert select_keyframes(twice, tmp_path / "red.png").content.index == 10


def test_a_clip_shorter_than_a_second_and_a_black_frame(tmp_path: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", scene(0, 3))
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "black.png")
    pair = select_keyframes(short, tmp_path / "black.png")
    assert (pair.content.index, pair.reference.index) == (0, 0)
    assert np.isfinite(pair.similarity)


def test_features_are_kept_per_file_and_encoder(clip: Path, still: Path, tmp_path: Path) -> None:
    cache, encoder = Cache(tmp_path / "cache"), Counting()
    selector = KeyframeSelector(encoder)
    first = select_keyframes(clip, still, selector, cache=cache)
    assert encoder.count == 5
    again = select_keyframes(clip, still, selector, cache=cache)
    assert encoder.count == 5
    assert (again.content.index, again.similarity) == (first.content.index, first.similarity)
    assert torch.equal(again.content.image, first.content.image)
    copy = clip.rename(tmp_path / "renamed.mp4")
    select_keyframes(copy, still, selector, cache=cache)
    assert encoder.count == 5  # the same bytes
    write_clip(copy, [plain(SECONDS[1])] * 5)
    assert select_keyframes(copy, still, selector, cache=cache).content.index == 0
    assert encoder.count == 6
    encoder.signature = "another"
    select_keyframes(copy, still, selector, cache=cache)
    assert encoder.count == 8
    select_keyframes(copy, still, selector)
    assert encoder.count == 10


def test_a_damaged_cache_and_one_that_cannot_be_written_change_nothing(clip: Path, still: Path, tmp_path: Path) -> None:
    expected = select_keyframes(clip, still)
    cache = Cache(tmp_path / "cache")
    select_keyframes(clip, still, cache=cache)
    for file in (tmp_path / "cache" / "features").iterdir():
        file.write_bytes(b"damaged")
    assert select_keyframes(clip, still, cache=cache).similarity == expected.similarity
    (tmp_path / "a file").write_text("not a folder", encoding="utf-8")
    assert select_keyframes(clip, still, cache=Cache(tmp_path / "a file")).similarity == expected.similarity


def test_the_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert selecting.default_cache().folder == tmp_path / "lutgrade" / "keyframes"


@pytest.mark.parametrize("name", sorted(path.stem for path in (paths.configs() / "selector").glob("*.yaml")))
def test_a_selector_is_built_or_says_which_weights_it_needs(name: str) -> None:
    assert name in selector_names()
    try:
        assert isinstance(build_selector(name), KeyframeSelector)
    except MissingWeights as error:
        message = str(error)
        pytest.skip(message) if "download" in message and "\n" not in message else pytest.fail(message)


def test_arguments_replace_the_encoders_own(tmp_path: Path) -> None:
    assert build_selector("random", seed=5).encoder.signature.startswith("random 5 ")  # type: ignore[attr-defined]
    assert build_selector("lab_histogram", bins=4).features(torch.rand(1, 3, 8, 8)).shape == (1, 64)
    selector = build_selector("clip_pooler", source=str(save_clip(tmp_path / "clip")), device="cpu")
    assert selector.features(torch.rand(2, 3, 40, 50)).shape == (2, 24)


def test_a_file_of_ones_own_is_taken_and_strangers_are_not(tmp_path: Path) -> None:
    text = (paths.configs() / "selector" / "random.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert isinstance(build_selector(tmp_path / "mine.yaml"), KeyframeSelector)
    (tmp_path / "bad.yaml").write_text("_target_: os.system\nencoder: {command: 'true'}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"os\.system, which is not lutgrade's"):
        build_selector(tmp_path / "bad.yaml")
    for content in ("[1]", "_target_: x", "a: ["):
        (tmp_path / "bad.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"selector.*bad\.yaml|bad\.yaml is not a selector"):
            build_selector(tmp_path / "bad.yaml")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match="no selector or file 'clp'; did you mean clip"):
        build_selector("clp")


def test_a_file_that_is_not_there_is_named(still: Path, tmp_path: Path) -> None:
    for cache in (None, Cache(tmp_path / "cache")):
        with pytest.raises(InputError, match=r"absent\.mp4: no such file"):
            select_keyframes(tmp_path / "absent.mp4", still, cache=cache)


def test_key_frames_of_real_clips(data_dir: Path) -> None:
    pair = select_keyframes(data_dir / "clips" / "video1.mp4", data_dir / "clips" / "realshort.mp4")
    assert pair.content.index % 25 == 0
    assert pair.reference.time < 1.2
