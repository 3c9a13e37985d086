"""What is kept on disk: keys change with what they stand for, and damaged files are made again."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.profiles import WHOLE, profile_frames
from lutgrade.consistency.store import Store, identity, key_of, profile_key


def test_profiles_come_back_as_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path)
    generator = torch.Generator().manual_seed(0)
    profiles = {n: profile_frames(torch.rand(count, 3, 8, 9, generator=generator)) for n, count in ((0, 1), (2, 3))}
    store.write_profiles("k", profiles)
    back = store.read_profiles("k", SDR)
    assert back is not None
    assert list(back) == list(profiles)
    for found, expected in zip(back.values(), profiles.values(), strict=True):
        assert torch.equal(found.frames, expected.frames)
        assert torch.equal(found.quantiles, expected.quantiles)
        assert (found.times, found.seen) == (expected.times, expected.seen)
        assert torch.equal(found.colors, expected.colors)


def test_what_is_missing_or_damaged_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_json("render", "k") is None
    assert store.read_profiles("k", SDR) is None
    store.path("render", "k", ".json").write_text("{cut sho")
    store.path("profile", "k", ".safetensors").write_bytes(b"\x01\x02")
    assert store.read_json("render", "k") is None
    assert store.read_profiles("k", SDR) is None


def test_keys_change_with_the_file_and_the_options(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"1")
    first = profile_key(clip, [WHOLE], 1.0, None, "SDR")
    assert profile_key(clip, [WHOLE], 1.0, None, "SDR") == first
    assert profile_key(clip, [WHOLE], 0.5, None, "SDR") != first
    assert profile_key(clip, [(0.0, 1.0)], 1.0, None, "SDR") != first
    assert profile_key(clip, [WHOLE], 1.0, None, "PQ") != first
    os.utime(clip, ns=(1, 1))
    assert profile_key(clip, [WHOLE], 1.0, None, "SDR") != first
    assert key_of("a", "b") != key_of("ab")
    assert identity(tmp_path)[1] == [("clip.mp4", 1, 1)]
