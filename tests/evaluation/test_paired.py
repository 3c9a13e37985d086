"""The evaluation of the paired protocol: what is averaged, over what it is resampled, and how it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lutgrade.data.pairs import graded_pair
from lutgrade.evaluation.paired import Scores, as_json, evaluate, share_worse, summarise, table
from lutgrade.lut import Lut
from lutgrade.models.matching import MKL, Identity
from lutgrade.protocols import Sample

ROOT = Path(__file__).resolve().parents[2]


def scores(values: list[float], photos: str) -> Scores:
    pairs = [f"{photo}/{i}" for i, photo in enumerate(photos)]
    data = torch.tensor(values)
    return Scores(pairs, {"PSNR": data, "SSIM": data / 100, "CIEDE2000": data}, torch.full_like(data, 0.01))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    generator = torch.Generator().manual_seed(0)
    warm = Lut.from_function(lambda x: x * torch.tensor([1.0, 0.8, 0.6])[:, None, None], 5)
    photos = [torch.rand(3, 8, 12, generator=generator) for _ in range(2)]
    big = [torch.nn.functional.interpolate(p[None], (256, 384), mode="bilinear")[0] for p in photos]
    return [graded_pair(photo, warm, name=f"photo{i}/warm") for i, photo in enumerate(big)]


def test_every_model_is_scored_on_every_pair(samples: list[Sample]) -> None:
    results = evaluate({"identity": Identity(), "mkl": MKL()}, samples)
    assert results["mkl"].pairs == ["photo0/warm", "photo1/warm"]
    assert results["mkl"].photographs == ["photo0", "photo1"]
    target = samples[1].target
    assert target is not None
    wanted = -10 * (samples[1].frames - target).square().mean().log10()
    torch.testing.assert_close(results["identity"].values["PSNR"][1], wanted, rtol=1e-5, atol=1e-5)
    assert (results["mkl"].values["PSNR"] > results["identity"].values["PSNR"] + 3).all()
    assert (results["mkl"].values["CIEDE2000"] < results["identity"].values["CIEDE2000"]).all()
    assert share_worse(results["mkl"], results["identity"]) == 0


def test_the_interval_is_over_photographs() -> None:
    """Ten copies of a photograph's pair say no more than one: the interval stays as wide."""
    values = np.random.default_rng(0).normal(20, 3, 40).tolist()
    photos = "".join(chr(ord("A") + i) for i in range(40))
    once = summarise(scores(values, photos), "PSNR")
    tenfold = summarise(scores(values * 10, photos * 10), "PSNR")
    assert tenfold.mean == pytest.approx(once.mean, abs=1e-4)
    assert tenfold.low == pytest.approx(once.low, abs=1e-4)
    assert once.low < once.mean < once.high
    standard_error = np.std(values) / np.sqrt(len(values))
    assert once.high - once.low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)


def test_the_interval_follows_the_seed() -> None:
    data = scores([10.0, 20.0, 25.0, 40.0], "abcd")
    assert summarise(data, "PSNR", seed=1) == summarise(data, "PSNR", seed=1)


def test_the_table_and_the_record_say_the_same() -> None:
    base, model = scores([20.0, 22.0, 24.0, 26.0], "aabb"), scores([19.0, 25.0, 27.0, 29.0], "aabb")
    results = {"creative": {"identity": base, "mkl": model}}
    lines = table(results).splitlines()
    assert lines[0].startswith("| method | creative: PSNR (dB) | creative: SSIM | creative: CIEDE2000 |")
    assert lines[2].startswith("| identity | 23.00 [21.00, 25.00] | 0.230 [0.210, 0.250] |")
    assert "| 25 % | 10 |" in lines[3]
    record = json.loads(json.dumps(as_json(results)))["creative"]
    assert record["models"]["mkl"]["worse_than_identity"] == 0.25
    assert record["models"]["mkl"]["summary"]["PSNR"]["mean"] == 25
    assert record["models"]["mkl"]["scores"]["PSNR"] == [19, 25, 27, 29]
    assert record["pairs"] == ["a/0", "a/1", "b/2", "b/3"]


def test_the_script_writes_both_files(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for folder in ("photos/val", "luts/val", "luts/film"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(2):
        pixels = generator.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos/val" / f"{i}.png")
    for folder in ("luts/val", "luts/film"):
        Lut.from_function(lambda x: x * 0.7, 3).save(tmp_path / folder / "dark.cube")
    command = [sys.executable, ROOT / "scripts/evaluate_paired.py", "--data", tmp_path, "--models", "reinhard"]
    run = subprocess.run(
        [*map(str, command), "--output", str(tmp_path / "out")],
        capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    written = (tmp_path / "out" / "paired.md").read_text()
    assert written.strip() == run.stdout.strip()
    assert "| reinhard |" in written
    assert "| identity |" in written
    record = json.loads((tmp_path / "out" / "paired.json").read_text())
    assert record["results"]["film"]["pairs"] == ["0/dark", "1/dark"]
    assert record["environment"]["command"].endswith(f"--output {tmp_path / 'out'}")
