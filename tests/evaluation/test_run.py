"""`scripts/evaluate.py`: a table from nothing, outside methods, several processes, bad input; every table is sound."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.errors import InputError
from lutgrade.evaluation.builder import TableBuilder
from lutgrade.evaluation.items import packaged_pairs
from lutgrade.evaluation.rows import Methods
from lutgrade.evaluation.run import _plain, _read_scores, evaluate
from lutgrade.evaluation.score import Score, Scores
from lutgrade.evaluation.table import measure_of
from lutgrade.video.stills import write_still

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "evaluate.py"
TABLES = sorted(path.stem for path in (paths.configs() / "table").glob("*.yaml"))


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        return compose("evaluate", [*overrides])


def made(folder: Path, *overrides: str) -> str:
    """The Markdown of the small table."""
    config = composed("table=paired_mini", f"output={folder / 'out'}", f"cache={folder / 'cache'}", *overrides)
    path = evaluate(config)
    assert path is not None
    return path.read_text()


def script(folder: Path, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, *launcher, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


def test_the_small_table_runs_anywhere(tmp_path: Path) -> None:
    done = script(tmp_path, "table=paired_mini")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "outputs" / "evaluate" / "paired_mini"
    assert (out / "table.md").read_text().strip() == done.stdout.strip()
    assert done.stdout.strip().endswith("`python scripts/evaluate.py table=paired_mini`")
    assert {path.name for path in out.iterdir()} == {"scores.jsonl", "table.csv", "table.md", "table.png", "table.tex"}
    lines = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert lines[0]["kind"] == "run"
    assert lines[0]["config"]["datasets"]["looks"]["graded_with"]
    scores = {(s["method"], s["metric"]): 0.0 for s in lines[1:]}
    for line in lines[1:]:
        scores[line["method"], line["metric"]] += line["values"][0] / 8
    assert len(lines) == 1 + 5 * 3 * 8  # rows, metrics, pairs
    assert scores["unbalanced_mkl", "psnr"] > scores["identity", "psnr"] + 2
    assert scores["unbalanced_mkl", "ciede2000"] < scores["identity", "ciede2000"]


def test_rows_are_chosen_and_models_added(tmp_path: Path) -> None:
    text = made(tmp_path, "rows=[reinhard,mkl]")
    assert [line.split(" ")[1] for line in text.splitlines() if line.startswith("| ")][2:5] == [
        "identity", "reinhard", "mkl",
    ]  # fmt: skip
    with pytest.raises(InputError, match="did you mean reinhard"):
        made(tmp_path, "rows=[reinhardt]")
    assert "| mkl |" in made(tmp_path, "rows=mkl")


@pytest.mark.parametrize(("override", "message"), [("every=0", "every is 0"), ("seed=x", "seed is x; it is a whole")])
def test_a_setting_that_cannot_work_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(tmp_path, override)


def test_items_of_one_name_are_refused(tmp_path: Path) -> None:
    text = made(tmp_path, "table.datasets.looks.graded_with=[noir_in_colour,noir_in_colour]", "rows=[identity]")
    assert "identity: not run: 2 items are named astronaut/noir_in_colour, and would be scored as one" in text


def test_scores_that_are_not_numbers_are_read_as_they_were_written(tmp_path: Path) -> None:
    scores = [Score("m", "d", "i", "c", "psnr", [math.inf, 20.0]), Score("m", "d", "j", "c", "psnr", [math.nan])]
    lines = [{"kind": "score", **vars(s), "values": [_plain(v) for v in s.values]} for s in scores]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    read = _read_scores(tmp_path / "s.jsonl", "d")
    assert read[0] == scores[0]
    assert math.isnan(read[1].mean)


def test_outputs_of_another_method_have_their_row(tmp_path: Path) -> None:
    for item in packaged_pairs(graded_with=["bleach_bypass", "teal_and_orange"]):
        sample = item.load()
        assert sample.target is not None
        path = tmp_path / "theirs" / f"{item.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_still(sample.target[0], path)
    text = made(tmp_path, "method=folder", f"path={tmp_path / 'theirs'}", "row=WCT2", "table.rows=[]")
    assert "| WCT2 | inf | 1.00 | 0.00000 |" in text
    assert "`lutgrade.evaluation.run.evaluate`" in text, "the arguments of another program are none of ours"
    record = (tmp_path / "out" / "scores.jsonl").read_text().splitlines()[1]
    assert math.isinf(float(json.loads(record)["values"][0]))
    with pytest.raises(InputError, match="no such folder of precomputed outputs"):
        made(tmp_path, "method=folder", f"path={tmp_path / 'nowhere'}")
    with pytest.raises(InputError, match="method=folder path=<folder>"):
        made(tmp_path, "method=folder")


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    port = str(20000 + os.getpid() % 20000)
    two = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1",
           "--mixed_precision=no", "--dynamo_backend=no", f"--main_process_port={port}")  # fmt: skip
    done = script(tmp_path, "table=paired_mini", "rows=[mkl]", launcher=two)
    assert done.returncode == 0, done.stderr
    made(tmp_path / "one", "rows=[mkl]")
    values = []
    for folder in (tmp_path / "outputs" / "evaluate" / "paired_mini", tmp_path / "one" / "out"):
        lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()[1:]]
        values.append([value for line in lines for value in line["values"]])
    assert len(values[0]) == 2 * 3 * 8
    assert values[0] == pytest.approx(values[1], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table=pared"], "no table 'pared'; did you mean paired"),
        (["table=paired_mini", "rows=[no_such]"], "no model or checkpoint folder 'no_such'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = script(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("evaluate.py: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_data_set_and_a_missing_model_say_so(tmp_path: Path) -> None:
    text = made(
        tmp_path, "table=vcg_1", f"paths.data={tmp_path}", f"paths.datasets={tmp_path}", f"paths.runs={tmp_path}"
    )
    assert "| WCT2 | adobe5k: Blur | 0.3841 | - | - | not run (1) |" in text
    assert "- (1) WCT2, PhotoNAS, DeepPreset, HistoGAN, CCPL, CAP-VSTNet: not run: it is no method of ours" in text
    assert "| NLUT | condensed_movies: PSNR (dB) | 21.41 | - | - | not run (2) |" in text
    assert "- (2) NLUT: not run: no checkpoint; train one: python scripts/train.py experiment=nlut\n" in text
    assert "identity, Reinhard, histogram, MKL" in text


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_sound(name: str) -> None:
    """Its data sets and metrics build or say what is missing, and each number of the paper has a column."""
    config: Any = OmegaConf.to_container(composed(f"table={name}").table, resolve=True)
    metrics = {key: build(c) for key, c in config["metrics"].items() if "_target_" in c}
    measures = {key: measure_of(c, metrics.get(key), 1) for key, c in config["metrics"].items()}
    assert len({row["name"] for row in config["rows"]}) == len(config["rows"])
    given = sum(_count(row.get("paper") or {}) for row in config["rows"])
    table = TableBuilder(config, measures, metrics, Scores(), {}, Methods()).table()
    assert sum(cell.paper is not None for cell in table.cells.values()) == given
    for data in config["datasets"].values():
        assert ("_target_" in data) != ("why" in data)
        assert "why" in data or "scores" not in data
        try:
            assert build(data) if "_target_" in data else True
        except InputError as error:  # its files are not on this machine
            complaint = str(error)
            pytest.fail(complaint) if "\n" in complaint else None


def _count(value: Any) -> int:
    """How many numbers a nest of mappings holds."""
    return sum(map(_count, value.values())) if isinstance(value, dict) else 1
