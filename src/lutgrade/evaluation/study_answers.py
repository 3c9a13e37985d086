"""The answers of a user study, aggregated as in VCG's Table 4 (arXiv 2508.00548, Sec. 4.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import stdev
from typing import Any

from lutgrade.errors import InputError
from lutgrade.evaluation.score import Score
from lutgrade.evaluation.study import DAMAGED
from lutgrade.evaluation.summary import summarise
from lutgrade.files import make_folder, replacing

SCORES, SUMMARY = "scores.jsonl", "study.md"
BEST = 7  # the score of rank 1; the last rank has 0
METRICS = {"artifact": "artifacts", "mood": "mood matching", "intent": "intent matching"}


@dataclass(frozen=True)
class Participant:
    """One file of answers; `mistakes` is how many dummy choices were answered wrong."""

    name: str
    scores: list[Score]
    mistakes: int
    dummies: int


def aggregate(
    key_file: str | Path, files: Sequence[str | Path], folder: str | Path, *, mistakes: int = 0
) -> tuple[Path, Path]:
    """Reads a study's answers, drops who failed the dummies, and writes scores and a summary into a folder.

    Per participant and question, a method scores 1 or 0 for artifacts (selected or not), and from 7 to 0 for mood and
    intent: evenly over the ranks, which for the paper's 8 methods is 7, 6, ..., 0.

    Args:
        key_file: written with the page.
        files: of answers, or folders of them.
        folder: for `scores.jsonl`, which `table=vcg_4` reads, and `study.md`.
        mistakes: how many dummy choices a participant may answer wrong.

    Raises:
        InputError: a file that is broken, of another study, incomplete or there twice; nobody left.
    """
    key = _read(Path(key_file), "a key of a study", ("study", "methods", "questions"))
    everyone = [_participant(path, key) for path in _listed(files)]
    _check_names(everyone)
    kept = [one for one in everyone if one.mistakes <= mistakes]
    if not kept:
        raise InputError(f"none of {len(everyone)} participants passed the dummy choices with {mistakes} mistakes")
    folder = make_folder(folder)
    facts = {"kind": "run", "study": key["study"], "participants": [one.name for one in kept], "mistakes": mistakes}
    lines = [facts, *({"kind": "score", **vars(score)} for one in kept for score in one.scores)]
    contents = {
        SCORES: "".join(json.dumps(line) + "\n" for line in lines),
        SUMMARY: summary(key["methods"], kept, everyone),
    }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return folder / SCORES, folder / SUMMARY


def summary(methods: Sequence[str], kept: Sequence[Participant], everyone: Sequence[Participant]) -> str:
    """The paper's table, mean ± deviation with a 95 % interval over participants, and who was left out."""
    scores = [score for one in kept for score in one.scores]
    asked = [metric for metric in METRICS if any(score.metric == metric for score in scores)]
    lines = [f"| method | {' | '.join(METRICS[metric] for metric in asked)} |", f"| --- |{' ---: |' * len(asked)}"]
    for method in methods:
        cells = [_cell([s for s in scores if (s.method, s.metric) == (method, metric)]) for metric in asked]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    failed = [f"{one.name} ({one.mistakes} of {one.dummies} dummies wrong)" for one in everyone if one not in kept]
    told = f"{len(kept)} of {len(everyone)} participants; left out: {', '.join(failed) or 'none'}."
    note = (
        "Artifacts: the share of videos that were selected. Else 7 is the best rank and 0 the last; mean ± deviation, "
        "and a 95 % interval over participants where there are several."
    )
    return "\n".join(["# User study", "", *lines, "", note, told, ""])


def _cell(scores: Sequence[Score]) -> str:
    values = [score.mean for score in scores]
    found = summarise(values, [score.clip for score in scores])
    if found is None:
        return "n/a"
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 and scores[0].metric != "artifact" else ""
    interval = f" [{found.low:.2f}, {found.high:.2f}]" if found.clips > 1 else ""
    return f"{found.mean:.2f}{spread}{interval}"


def _listed(files: Sequence[str | Path]) -> list[Path]:
    """The files, and those of folders."""
    found = [p for path in map(Path, files) for p in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not found:
        raise InputError(f"no answers: {', '.join(map(str, files)) or 'no file'} holds no .json")
    return found


def _check_names(everyone: Iterable[Participant]) -> None:
    names = [one.name for one in everyone]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"the answers of {twice[0]} are there twice: leave one of the files out")


def _read(path: Path, what: str, fields: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    missing = [field for field in fields if not isinstance(found, dict) or field not in found]
    if missing:
        raise InputError(f"{path} is not {what}: it has no {missing[0]}")
    return found


def _participant(path: Path, key: Mapping[str, Any]) -> Participant:
    """A file of answers, checked against the key."""
    found = _read(path, "a file of answers", ("study", "participant", "answers"))
    if found["study"] != key["study"]:
        raise InputError(f"{path} answers another study ({found['study']}) than the key's ({key['study']})")
    name, answers = str(found["participant"]), found["answers"]
    scores: list[Score] = []
    mistakes = dummies = 0
    for identity, question in key["questions"].items():
        given = answers.get(identity) if isinstance(answers, dict) else None
        if not isinstance(given, dict) or "artifact" not in given or "mood" not in given:
            raise InputError(f"{path} is not complete: {question['name']} has no answer")
        selected = _selected(path, question, given["artifact"])
        mistakes += sum((kind == DAMAGED) != (dummy in selected) for dummy, kind in question["dummies"].items())
        dummies += len(question["dummies"])
        scores += _scored(name, question, "artifact", {c: float(c in selected) for c in question["choices"]})
        for part in ("mood", "intent"):
            if part in given:
                scores += _scored(name, question, part, _ranked(path, question, given[part]))
    return Participant(name, scores, mistakes, dummies)


def _selected(path: Path, question: Mapping[str, Any], given: Any) -> set[str]:
    known = {*question["choices"], *question["dummies"]}
    if not isinstance(given, list) or not {str(choice) for choice in given} <= known:
        raise InputError(f"{path}: the selection for {question['name']} names what was no choice")
    return set(given)


def _ranked(path: Path, question: Mapping[str, Any], given: Any) -> dict[str, float]:
    """Scores of the choices by their ranks, which must be 1 to n."""
    choices, last = question["choices"], len(question["choices"])
    ranks = [given.get(choice) for choice in choices] if isinstance(given, dict) and len(given) == last else []
    if not all(isinstance(rank, int) for rank in ranks) or {*ranks} != {*range(1, last + 1)}:
        raise InputError(f"{path}: the ranks for {question['name']} are not 1 to {last}, each once")
    return {choice: BEST * (last - given[choice]) / (last - 1) for choice in choices}


def _scored(name: str, question: Mapping[str, Any], part: str, scores: Mapping[str, float]) -> Iterator[Score]:
    for choice, score in scores.items():
        yield Score(question["choices"][choice], "study", question["name"], name, part, [score])
