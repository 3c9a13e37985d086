"""A user study as in VCG's Table 4 (arXiv 2508.00548, Sec. 4.5, Study 1): the page that participants open.

Three parts over the same questions: which videos have artifacts; how well each conveys the mood of a reference, by
rank; how well each matches what the colourist intended, by rank. The page holds all it shows, needs no server and no
network, and gives the answers as a file. Which choice is whose method is in a key that stays with those who ask.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.evaluation.cache import digest
from lutgrade.evaluation.study_media import damaged, data_uris, fitted
from lutgrade.files import make_folder, replacing
from lutgrade.lut import looks
from lutgrade.progress import Progress, silent

PAGE, KEY = "study.html", "key.json"
SCRIPTS = ("study_plan.js", "study_tiles.js", "study_texts.js", "study_page.js")
UNTOUCHED, DAMAGED = "untouched", "damaged"  # the dummies: one that nobody has reason to select, one that all must
EXAMPLE = "teal_and_orange"  # the look of the introduction
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Question:
    """A clip and a reference, and what each method made of them; `[T, 3, H, W]` in [0, 1], read when they are needed.

    Attributes:
        name: its own within the study.
        content: the clip before it was graded.
        reference: one frame.
        outputs: the graded clip, by method.
        description: what the colourist of the reference intended; without one, the third part leaves it out.
        rate: frames a second; None for the study's.
    """

    name: str
    content: Callable[[], Tensor]
    reference: Callable[[], Tensor]
    outputs: Mapping[str, Callable[[], Tensor]]
    description: str = ""
    rate: Fraction | None = None


@dataclass(frozen=True)
class Settings:
    """How a study is shown.

    Attributes:
        title: of the page.
        seed: of the names of choices and of which questions have dummies.
        dummies: how many questions have dummy choices in their first part.
        seconds: that the reference is looked at before the videos appear.
        frames: of each clip, from its start.
        rate: frames a second, of clips that have none of their own.
        max_side: larger frames are shrunk to it.
        max_bytes: of the page.
    """

    title: str = "Video color grading"
    seed: int = 0
    dummies: int = 3
    seconds: int = 5
    frames: int = 72
    rate: Fraction = Fraction(24)
    max_side: int = 480
    max_bytes: int = 64_000_000


def build_study(
    questions: Sequence[Question], folder: str | Path, settings: Settings, progress: Progress = silent
) -> tuple[Path, Path]:
    """Writes the page and its key into a folder; both paths.

    Raises:
        InputError: fewer than two methods, questions that differ in their methods, clips of a question that differ in
            length, more dummies than questions, or media that do not fit.
    """
    methods = _checked(questions, settings)
    rng = random.Random(settings.seed)
    dummies = set(rng.sample(range(len(questions)), settings.dummies))
    shown: list[dict[str, Any]] = []
    key: dict[str, Any] = {}
    media: dict[str, str] = {}
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    template = (HERE / "study.html").read_text(encoding="utf-8")
    budget = (settings.max_bytes - len(script) - len(template) - 20_000) // (len(questions) + 1)
    with progress("study", len(questions)) as advance:
        for index, question in enumerate(questions):
            entry, secret = _question(question, methods, rng, index in dummies, settings, budget, media)
            shown.append(entry)
            key[entry["id"]] = secret
            advance()
    study = {
        "study": digest(key, shown, {name: digest(uri) for name, uri in media.items()})[:16],
        "title": settings.title,
        "seconds": settings.seconds,
        "questions": shown,
        "example": _example(questions[0], settings, budget),
        "media": media,
    }
    folder = make_folder(folder)
    secrets = {"study": study["study"], "methods": methods, "questions": key}
    page = template.replace("@TITLE@", _escaped(settings.title)).replace("@SCRIPT@", script)
    with replacing(folder / PAGE) as temporary:
        temporary.write_text(page.replace("@STUDY@", _embedded(study)), encoding="utf-8")
    with replacing(folder / KEY) as temporary:
        temporary.write_text(json.dumps(secrets, indent=1) + "\n", encoding="utf-8")
    return folder / PAGE, folder / KEY


def _checked(questions: Sequence[Question], settings: Settings) -> list[str]:
    """The methods that every question has."""
    if not questions:
        raise InputError("a study needs at least one question")
    methods = sorted(questions[0].outputs)
    if len(methods) < 2:
        raise InputError(f"a study compares two methods or more, not {len(methods)}")
    for question in questions:
        if sorted(question.outputs) != methods:
            raise InputError(f"{question.name} has outputs of {sorted(question.outputs)}, not of {methods}")
    if not 0 <= settings.dummies <= len(questions):
        raise InputError(f"{settings.dummies} questions with dummies do not fit into {len(questions)} questions")
    return methods


def _question(
    question: Question,
    methods: Sequence[str],
    rng: random.Random,
    dummies: bool,
    settings: Settings,
    budget: int,
    media: dict[str, str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page shows of a question, and what the key says of it; its media are added to `media`.

    Choices have names drawn by chance and are listed by these, so that neither tells the method.
    """

    def codes(load: Callable[[], Tensor]) -> Tensor:
        return fitted(load(), settings.max_side, settings.frames)

    def drawn() -> str:
        return f"{rng.getrandbits(48):012x}"

    choices = {drawn(): method for method in methods}
    found = {name: codes(question.outputs[method]) for name, method in choices.items()}
    extra: dict[str, str] = {}
    if dummies:
        content = codes(question.content)
        extra = {drawn(): UNTOUCHED, drawn(): DAMAGED}
        found |= dict(zip(extra, (content, damaged(content)), strict=True))
    _check_lengths(question.name, {(choices | extra)[name]: len(clip) for name, clip in found.items()})
    height, width = next(iter(found.values())).shape[-2:]
    reference = drawn()
    found[reference] = codes(question.reference)[:1]
    uris = data_uris(list(found.values()), budget, question.rate or settings.rate)
    media.update(zip(found, uris, strict=True))
    entry = {
        "id": drawn(),
        "aspect": round(width / height, 4),
        "reference": reference,
        "description": question.description,
        "choices": sorted(choices),
        "artifact": sorted([*choices, *extra]),
    }
    return entry, {"name": question.name, "choices": choices, "dummies": extra}


def _check_lengths(name: str, frames: Mapping[str, int]) -> None:
    """Clips that run side by side must be equally long."""
    first, *others = frames
    for other in others:
        if frames[other] != frames[first]:
            raise InputError(f"{name}: {first} shows {frames[first]} frames of it and {other} {frames[other]}")


def _example(question: Question, settings: Settings, budget: int) -> dict[str, str]:
    """A frame before and after a grade, for the introduction."""
    frame = question.content()[:1]
    pair = [fitted(image, settings.max_side, 1) for image in (frame, looks()[EXAMPLE].lut()(frame))]
    return dict(zip(("before", "after"), data_uris(pair, budget, settings.rate), strict=True))


def _embedded(study: Mapping[str, Any]) -> str:
    """JSON that can stand within a script element."""
    return json.dumps(study).replace("<", "\\u003c")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
