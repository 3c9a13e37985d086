"""Looks ranked by a prompt."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import yaml

from lutgrade.errors import InputError
from lutgrade.lut import looks
from lutgrade.models.look_measures import measure
from lutgrade.models.retouch import Retoucher, text_of
from lutgrade.models.text_embedding import ClipText
from models.tiny_networks import save_clip

PROMPTS = yaml.safe_load(Path(__file__).with_name("retouch_prompts.yaml").read_text(encoding="utf-8"))
CHANGES = {
    "warmer": ("temperature", 1),
    "cooler": ("temperature", -1),
    "more contrast": ("contrast", 1),
    "less contrast": ("contrast", -1),
    "brighter": ("exposure", 1),
    "darker": ("exposure", -1),
    "muted colours": ("saturation", -1),
    "more saturated": ("saturation", 1),
    "deeper shadows": ("shadows", -1),
    "softer highlights": ("shoulder", 1),
}
AT_ODDS = {("brighter", "deeper shadows")}


@pytest.fixture(scope="module")
def retoucher() -> Retoucher:
    return Retoucher(looks())


def best(retoucher: Retoucher, prompt: str) -> str:
    return retoucher.rank(prompt)[0].look.name


def test_the_labelled_prompts_name_looks_and_are_distinct() -> None:
    assert len(PROMPTS) >= 60
    assert len({entry["prompt"] for entry in PROMPTS}) == len(PROMPTS)
    assert {name for entry in PROMPTS for name in entry["accept"]} == set(looks())


@pytest.mark.parametrize("half", [0, 1], ids=["tuned", "held out"])
def test_most_labelled_prompts_find_a_look_that_is_accepted(retoucher: Retoucher, half: int) -> None:
    part = PROMPTS[half::2]
    names = [[ranked.look.name for ranked in retoucher.rank(entry["prompt"])] for entry in part]
    places = [min(found.index(look) for look in entry["accept"]) for found, entry in zip(names, part, strict=True)]
    assert sum(place < 1 for place in places) / len(part) > 0.8
    assert sum(place < 5 for place in places) / len(part) > 0.93


@pytest.mark.parametrize("prompt", CHANGES)
def test_a_single_change_is_what_the_first_look_does(retoucher: Retoucher, prompt: str) -> None:
    key, sign = CHANGES[prompt]
    assert sign * measure(retoucher.rank(prompt)[0].look)[key] > 0.4


def test_composed_changes_are_granted_together(retoucher: Retoucher) -> None:
    """The descriptions alone find a look that does both changes for little more than half of the pairs."""
    measured = {name: measure(look) for name, look in looks().items()}

    def granted(by: Retoucher) -> float:
        pairs = [p for p in combinations(CHANGES, 2) if CHANGES[p[0]][0] != CHANGES[p[1]][0] and p not in AT_ODDS]
        found = [(pair, measured[best(by, ", ".join(pair))]) for pair in pairs]
        return sum(all(CHANGES[c][1] * m[CHANGES[c][0]] > 0.2 for c in pair) for pair, m in found) / len(pairs)

    assert granted(retoucher) > 0.8
    assert granted(retoucher) > granted(Retoucher(looks(), measured=0)) + 0.2


def test_black_and_white_is_for_those_who_ask(retoucher: Retoucher) -> None:
    for prompt in ("less saturated", "cooler, muted colours", "brighter", "high contrast"):
        assert all("monochrome" not in ranked.look.tags for ranked in retoucher.rank(prompt)[:3]), prompt
    for prompt in ("black and white", "monochrome, high contrast", "b&w"):
        assert "monochrome" in retoucher.rank(prompt)[0].look.tags, prompt


def test_the_ranking_holds_every_look_once_in_falling_order(retoucher: Retoucher) -> None:
    ranking = retoucher.rank("dreamy sunset, less contrast")
    assert {ranked.look.name for ranked in ranking} == set(looks())
    scores = [ranked.score for ranked in ranking]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) / len(scores) == pytest.approx(0, abs=1e-4)
    assert all(-1 <= ranked.similarity <= 1 for ranked in ranking)
    assert all(ranked.agreement is not None and -1 <= ranked.agreement <= 1 for ranked in ranking)
    assert retoucher.rank("a hacker")[0].agreement is None
    assert retoucher.rank("dreamy sunset, less contrast") == ranking


@pytest.mark.parametrize("name", sorted(looks()))
def test_a_look_is_found_by_its_own_description(retoucher: Retoucher, name: str) -> None:
    assert best(retoucher, text_of(looks()[name])) == name


def test_another_embedding_ranks(tmp_path: Path) -> None:
    retoucher = Retoucher(looks(), ClipText(save_clip(tmp_path / "clip")), measured=0)
    assert best(retoucher, text_of(looks()["sepia"])) == "sepia"


def test_a_library_of_one_look() -> None:
    ranking = Retoucher({"sepia": looks()["sepia"]}).rank("brown")
    assert [ranked.look.name for ranked in ranking] == ["sepia"]
    assert ranking[0].score == 0


def test_prompts_that_say_nothing_are_refused(retoucher: Retoucher) -> None:
    for prompt in ("", "  "):
        with pytest.raises(InputError, match="the prompt is empty"):
            retoucher.rank(prompt)
    with pytest.raises(InputError, match="no word of the prompt 'xyzzy the' is known"):
        retoucher.rank("xyzzy the")
    with pytest.raises(InputError, match="did you mean contrast"):
        retoucher.rank("contrsat")
    with pytest.raises(InputError, match="in English") as caught:
        retoucher.rank("тёплый свет " * 1000)
    assert len(str(caught.value)) < 200
    with pytest.raises(InputError, match="no looks"):
        Retoucher({})
