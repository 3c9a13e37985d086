"""Answers to scores: the paper's way to count, who is dropped, and the table that reads the scores."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from lutgrade import paths
from lutgrade.errors import InputError
from lutgrade.evaluation.run import evaluate
from lutgrade.evaluation.study import DAMAGED, UNTOUCHED
from lutgrade.evaluation.study_answers import aggregate

METHODS = ["WCT2", "PhotoNAS", "DeepPreset", "HistoGAN", "CCPL", "CAP-VSTNet", "NLUT", "ours"]
KEY = {
    "study": "s1",
    "methods": METHODS,
    "questions": {
        f"q{i}": {
            "name": f"clip{i}",
            "choices": {f"c{i}{k}": method for k, method in enumerate(METHODS)},
            "dummies": {f"d{i}": DAMAGED, f"u{i}": UNTOUCHED} if i < 2 else {},
        }
        for i in range(5)
    },
}


def answers(participant: str, seed: int, *, careless: bool = False) -> dict[str, Any]:
    """A participant who ranks by chance, but ours first; and selects the damaged choice and NLUT, or by chance."""
    rng = np.random.default_rng(seed)
    given = {}
    for question, secret in KEY["questions"].items():  # type: ignore[attr-defined]
        choices = list(secret["choices"])
        ranks = {choices[7]: 1} | dict(zip(choices[:7], (2 + rng.permutation(7)).tolist(), strict=True))
        right = [choices[6], *(d for d, kind in secret["dummies"].items() if kind == DAMAGED)]
        selected = [*secret["dummies"]] if careless else right
        given[question] = {"artifact": selected, "mood": ranks, "intent": ranks}
    return {"study": "s1", "participant": participant, "seed": seed, "answers": given}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    (tmp_path / "answers").mkdir()
    for i in range(6):
        (tmp_path / "answers" / f"{i}.json").write_text(json.dumps(answers(f"p{i}", i, careless=i == 3)))
    return tmp_path


def test_ranks_count_from_7_to_0_and_selections_as_shares(files: Path) -> None:
    scores, summary = aggregate(files / "key.json", [files / "answers"], files / "out")
    lines = [json.loads(line) for line in scores.read_text().splitlines()]
    assert lines[0]["participants"] == ["p0", "p1", "p2", "p4", "p5"]
    values: dict[tuple[str, str], list[float]] = {}
    for line in lines[1:]:
        values.setdefault((line["method"], line["metric"]), []).append(line["values"][0])
    assert all(len(found) == 25 for found in values.values())
    assert values["ours", "mood"] == [7.0] * 25
    assert sum(np.mean(values[method, "mood"]) for method in METHODS) == pytest.approx(28)
    assert {v for method in METHODS[:7] for v in values[method, "mood"]} == set(range(7))
    assert np.mean(values["NLUT", "artifact"]) == 1
    assert np.mean(values["WCT2", "artifact"]) == 0
    text = summary.read_text()
    assert "| ours | 0.00 [0.00, 0.00] | 7.00 ± 0.00 [7.00, 7.00] | 7.00 ± 0.00 [7.00, 7.00] |" in text
    mean, spread = np.mean(values["CCPL", "mood"]), np.std(values["CCPL", "mood"], ddof=1)
    assert f"{mean:.2f} ± {spread:.2f} [" in text
    assert "5 of 6 participants; left out: p3 (2 of 4 dummies wrong)." in text


def test_mistakes_may_be_allowed(files: Path) -> None:
    _, summary = aggregate(files / "key.json", [files / "answers"], files / "out", mistakes=2)
    assert "6 of 6 participants; left out: none." in summary.read_text()
    with pytest.raises(InputError, match="none of 1 participants passed"):
        aggregate(files / "key.json", [files / "answers" / "3.json"], files / "out")


def change(path: tuple[str, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(found: dict[str, Any]) -> None:
        for step in path[:-1]:
            found = found[step]
        if value is None:
            del found[path[-1]]
        else:
            found[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (change(("study",), "s2"), "answers another study (s2)"),
        (change(("answers",), None), "is not a file of answers: it has no answers"),
        (change(("answers", "q1"), None), "is not complete: clip1 has no answer"),
        (change(("answers",), [1]), "is not complete: clip0 has no answer"),
        (change(("answers", "q2", "artifact"), ["c00"]), "the selection for clip2 names what was no choice"),
        (change(("answers", "q2", "mood", "c20"), 9), "the ranks for clip2 are not 1 to 8, each once"),
        (change(("answers", "q2", "intent"), {"c20": 1}), "the ranks for clip2 are not 1 to 8"),
        (change(("answers", "q2", "mood"), 3), "the ranks for clip2 are not 1 to 8"),
        (change(("answers", "q2", "mood", "c20"), [1]), "the ranks for clip2 are not 1 to 8"),
        (change(("participant",), "p1"), "the answers of p1 are there twice"),
    ],
)
def test_bad_answers_are_named(files: Path, alter: Callable[[dict[str, Any]], None], message: str) -> None:
    path = files / "answers" / "0.json"
    found = json.loads(path.read_text())
    alter(found)
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match=re.escape(message)):
        aggregate(files / "key.json", [files / "answers"], files / "out")


def test_broken_files_are_named(files: Path) -> None:
    (files / "answers" / "0.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*0\.json: Expecting"):
        aggregate(files / "key.json", [files / "answers"], files / "out")
    with pytest.raises(InputError, match="not a key of a study: it has no methods"):
        aggregate(files / "answers" / "1.json", [files / "answers"], files / "out")
    (files / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.json"):
        aggregate(files / "key.json", [files / "empty"], files / "out")


def table(folder: Path, scores: Path) -> str:
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        overrides = [f"table.datasets.study.scores={scores}", f"output={folder}/table", f"cache={folder}/cache"]
        path = evaluate(compose("evaluate", ["table=vcg_4", *overrides]))
    assert path is not None
    return path.read_text()


def test_the_table_reads_the_scores(files: Path) -> None:
    scores, _ = aggregate(files / "key.json", [files / "answers"], files / "out")
    text = table(files, scores)
    assert "| ours | 0.00000 | 7.00 ± 0.00 | 7.00 ± 0.00 |" in text
    assert "| NLUT | study: artifacts (share) | 0.41 | 1.00 | 0.590 | fail |" in text
    assert "| VCG | study: mood matching (0-7) | 4.14 ± 1.06 | - | - | not run (1) |" in text
    assert "study: 25 items of 5." in text
    assert "(1) VCG: not run: it was not in the study" in text


def test_without_a_study_the_table_says_how_to_hold_one(tmp_path: Path) -> None:
    text = table(tmp_path, tmp_path / "none.jsonl")
    assert "not run: no study was held; make the page with python scripts/user_study.py build" in text
    (tmp_path / "broken.jsonl").write_text('{"kind": "score"}\n')
    assert "broken.jsonl is no file of scores" in table(tmp_path, tmp_path / "broken.jsonl")
