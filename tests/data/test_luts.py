"""The bank that training grades are drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lutgrade.data.luts import Looks, LutBank, LutFiles, RandomLooks
from lutgrade.data.pairs import film_fifth
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table, looks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve LUTs that scale by 0.1, 0.2, ... 1.2."""
    for i in range(12):
        Lut(identity_table(5) * (i + 1) / 10).save(tmp_path / f"{i:02}.cube")
    return tmp_path


def test_the_splits_are_disjoint_and_leave_out_what_is_reserved(folder: Path) -> None:
    names = {
        split: [p.stem for p in LutFiles(folder, split=split, reserved=5, every=3).paths] for split in ("train", "val")
    }
    assert names == {"val": ["01", "04", "08"], "train": ["02", "03", "06", "07", "09", "11"]}
    assert len(LutFiles(folder)) == 12


def test_what_is_reserved_for_measuring_is_never_drawn_whatever_the_suffixes_case(folder: Path) -> None:
    (folder / "00.cube").rename(folder / "00.CUBE")
    (folder / "._01.cube").touch()  # as macOS leaves them
    kept = film_fifth(folder)
    assert [path.name for path in kept] == ["00.CUBE", "05.cube", "10.cube"]
    assert not {*kept} & {*LutFiles(folder, reserved=5).paths}


def test_the_looks_split_too() -> None:
    train, val = Looks(split="train"), Looks(split="val")
    assert not set(train.names) & set(val.names)
    assert len(train) + len(val) == len(looks())


def test_rows_are_the_luts_of_the_sources_after_the_identity(folder: Path) -> None:
    files, random = LutFiles(folder), RandomLooks(count=3, seed=4)
    tables = LutBank([files, random], size=9).tables()
    assert tables.shape == (16, 3, 9, 9, 9)
    torch.testing.assert_close(tables[0], identity_table(9))
    torch.testing.assert_close(tables[12], identity_table(9) * 1.2)
    torch.testing.assert_close(tables[15], random.luts()[2].resize(9).table)


def test_random_looks_follow_from_their_seed() -> None:
    first, again, other = (RandomLooks(count=2, seed=seed).luts()[1].table for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_draw_is_one_lut_or_a_mixture_of_weights_that_sum_to_one(folder: Path) -> None:
    bank, rng = LutBank([LutFiles(folder, mixed=0.5)], size=5), np.random.default_rng(0)
    draws = [bank.draw(rng) for _ in range(2000)]
    weights = np.stack([w for _, w in draws])
    rows = np.stack([r for r, _ in draws])
    assert rows.min() == 1
    assert rows.max() == 12
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    plain = (weights == [1, 0, 0]).all(1)
    assert 0.45 < plain.mean() < 0.55
    ab = weights[~plain, :2]  # uniform on (-1, 1): mean 0, variance 1/3
    assert np.abs(ab.mean(0)).max() < 0.06
    np.testing.assert_allclose(ab.var(0), 1 / 3, atol=0.03)


def test_sources_are_drawn_by_their_weights(folder: Path) -> None:
    bank = LutBank([LutFiles(folder, weight=3), RandomLooks(count=2, weight=1), RandomLooks(count=1, weight=0)])
    rng = np.random.default_rng(0)
    rows = np.array([bank.draw(rng)[0][0] for _ in range(2000)])
    assert 0.7 < (rows <= 12).mean() < 0.8
    assert rows.max() == 14


def test_mixtures_are_the_clipped_weighted_sums(folder: Path, device: torch.device) -> None:
    bank = LutBank([LutFiles(folder)], size=5)
    rows = torch.tensor([[1, 2, 3], [12, 1, 1]], device=device)
    weights = torch.tensor([[0.5, -0.5, 1.0], [1.0, 0.0, 0.0]], device=device)
    mixed = bank.mixtures(rows, weights)
    scale = 0.5 * 0.1 - 0.5 * 0.2 + 0.3
    torch.testing.assert_close(mixed[0].cpu(), identity_table(5) * scale)
    torch.testing.assert_close(mixed[1].cpu(), (identity_table(5) * 1.2).clamp(0, 1))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder of LUTs; datasets/photos"):
        LutFiles(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no \.cube files"):
        LutFiles(tmp_path)
    with pytest.raises(InputError, match="at least one source"):
        LutBank([])
    with pytest.raises(InputError, match="at least one source"):
        LutBank([RandomLooks(weight=0)])
