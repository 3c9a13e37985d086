"""The questionnaire: what is in the page and what is not, a participant's walk through it, and bad input."""

from __future__ import annotations

import base64
import io
import json
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.errors import InputError
from lutgrade.evaluation.items import packaged_pairs
from lutgrade.evaluation.study import DAMAGED, UNTOUCHED, Question, Settings, build_study
from lutgrade.evaluation.study_answers import aggregate
from lutgrade.evaluation.study_media import damaged, data_uris, fitted
from lutgrade.evaluation.study_sources import descriptions, from_folders, from_table
from lutgrade.video.stills import write_still

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "user_study.py"
WALK = Path(__file__).with_name("walk_study.js")
VOID = {"meta", "link", "input", "img", "br"}


def clip(seed: int, frames: int = 4, size: tuple[int, int] = (36, 50)) -> Tensor:
    """Smooth colours that drift."""
    coarse = torch.rand(1, 3, 3, 4, generator=torch.Generator().manual_seed(seed))
    image = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True).clamp(0, 1)
    return torch.cat([image.roll(shift, -1) for shift in range(frames)])


def question(index: int) -> Question:
    methods = {f"m{k}": (lambda k=k: clip(10 * index + k)) for k in range(3)}
    text = "Cold & <lonely>." if index == 0 else ""
    return Question(f"q{index}", lambda: clip(100 + index), lambda: clip(200 + index)[:1], methods, text)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    build_study([question(i) for i in range(4)], folder, Settings(title="A & B", dummies=2))
    return folder


def read(folder: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The page, what is embedded in it, and the key."""
    page = (folder / "study.html").read_text(encoding="utf-8")
    found = re.search(r'id="study">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return page, json.loads(found[1]), json.loads((folder / "key.json").read_text())


class Checker(HTMLParser):
    """Elements that are closed in order, and the ids that there are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.labelled += [found["for"] or ""] if "for" in found else []
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_sound_and_needs_nothing_else(built: Path) -> None:
    page, study, _ = read(built)
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    assert len(set(checker.ids)) == len(checker.ids)
    assert set(checker.labelled) <= set(checker.ids)
    assert not checker.sources
    assert "http" not in page.replace("http-equiv", "")
    assert '<html lang="en">' in page
    assert "<title>A &amp; B</title>" in page
    assert "@" not in re.sub(r'id="study">.*?</script>', "", page.replace("@media", ""), flags=re.DOTALL)
    assert all(uri.startswith(("data:video/mp4;base64,", "data:image/jpeg;base64,")) for uri in study["media"].values())
    wanted = {c for q in study["questions"] for c in (*q["artifact"], q["reference"])}
    assert wanted == set(study["media"])


def test_the_page_does_not_tell_the_methods_and_the_key_does(built: Path) -> None:
    page, study, key = read(built)
    assert key["methods"] == ["m0", "m1", "m2"]
    assert not re.search(r'"m[012]"|"q[0-3]"|untouched|damaged', page)
    assert [set(q["choices"].values()) for q in key["questions"].values()] == [{"m0", "m1", "m2"}] * 4
    assert sorted(len(q["dummies"]) for q in key["questions"].values()) == [0, 0, 2, 2]
    for entry in study["questions"]:
        secret = key["questions"][entry["id"]]
        assert entry["choices"] == sorted(secret["choices"])
        assert entry["artifact"] == sorted([*secret["choices"], *secret["dummies"]])


def decoded(uri: str) -> Tensor:
    file = io.BytesIO(base64.b64decode(uri.partition(",")[2]))
    frames = [frame.to_ndarray(format="rgb24") for frame in av.open(file).decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def test_what_is_shown_is_what_was_graded(built: Path) -> None:
    _, study, key = read(built)
    for entry in study["questions"]:
        secret = key["questions"][entry["id"]]
        index = int(secret["name"][1:])
        for choice, method in secret["choices"].items():
            wanted, found = clip(10 * index + int(method[1:])), decoded(study["media"][choice])
            assert found.shape == wanted.shape
            assert (found.float() / 255 - wanted).abs().mean() < 0.03
        for choice, kind in secret["dummies"].items():
            error = (decoded(study["media"][choice]).float() / 255 - clip(100 + index)).abs().mean()
            assert error < 0.03 if kind == UNTOUCHED else error > 0.05


def test_media_are_fitted_and_damaged_ones_are_seen_to_be() -> None:
    codes = fitted(clip(0, 6, (90, 161)), max_side=80, frames=3)
    assert codes.shape == (3, 3, 44, 80)
    assert codes.dtype == torch.uint8
    assert damaged(codes).shape == codes.shape
    assert (damaged(codes).float() - codes).abs().mean() > 8
    noise = (torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255).byte()
    loose, tight = (sum(map(len, data_uris([noise], budget, Fraction(24)))) for budget in (10**6, 8000))
    assert tight <= 8000 < loose
    with pytest.raises(InputError, match=r"0\.0 MB are left for each: show shorter, smaller or fewer"):
        data_uris([noise], 1000, Fraction(24))


def test_the_page_keeps_to_its_size(tmp_path: Path) -> None:
    questions = [question(i) for i in range(2)]
    page, _ = build_study(questions, tmp_path, Settings(dummies=0, max_bytes=100_000))
    assert page.stat().st_size <= 100_000
    with pytest.raises(InputError, match="allow a larger page"):
        build_study(questions, tmp_path, Settings(dummies=0, max_bytes=50_000))


def walked(folder: Path, select: list[str], closes: int = -1, *, forgets: bool = False) -> dict[str, Any]:
    """What a participant does who selects some choices and ranks in the order shown, in a browser that may forget."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    policy = json.dumps({"select": select, "closes": closes, "forgets": forgets})
    run = subprocess.run(
        ["node", str(WALK), str(folder / "study.html"), policy], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_participant_gets_through_and_the_answers_are_taken(built: Path, tmp_path: Path) -> None:
    _, study, key = read(built)
    broken = [c for q in key["questions"].values() for c, kind in q["dummies"].items() if kind == DAMAGED]
    theirs = [c for q in key["questions"].values() for c, method in q["choices"].items() if method == "m1"]
    found = walked(built, [*broken, *theirs], closes=5)  # the browser is closed and opened once
    titles = [page[0] for page in found["trace"]]
    assert titles[:2] == ["What color grading is", "Part 1: Artifacts"]
    assert titles.count("Which videos have artifacts?") == titles.count(
        "Which videos convey the mood of the reference?"
    )
    assert titles.count("Which videos match the description?") == 1
    answers = found["saved"]
    assert answers["study"] == study["study"]
    assert {i for i, given in answers["answers"].items() if "intent" in given} == {study["questions"][0]["id"]}
    (tmp_path / "a.json").write_text(json.dumps(answers))
    scores, _ = aggregate(built / "key.json", [tmp_path / "a.json"], tmp_path / "out")
    lines = [json.loads(line) for line in scores.read_text().splitlines()[1:]]
    selected = {line["method"]: line["values"] for line in lines if line["metric"] == "artifact"}
    assert selected == {"m0": [0.0], "m1": [1.0], "m2": [0.0]}
    assert sorted(line["values"][0] for line in lines if line["metric"] == "intent") == [0.0, 3.5, 7.0]


def test_a_browser_that_keeps_nothing_is_told_of(built: Path) -> None:
    assert "it goes on where you were" in walked(built, [])["introduction"]
    found = walked(built, [], forgets=True)
    assert "leave it open until you are done" in found["introduction"]
    assert len(found["saved"]["answers"]) == 4


def evaluated(program: str) -> Any:
    """What an expression gives in terms of `s`, the study without its page."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    script = Path(sys.modules[build_study.__module__].__file__ or "").with_name("study_plan.js")
    line = f"const s = require({json.dumps(str(script))}); console.log(JSON.stringify({program}))"
    return json.loads(subprocess.run(["node", "-e", line], capture_output=True, text=True, check=True).stdout)


def test_tiles_are_as_large_as_the_window_allows() -> None:
    ten = evaluated("s.tiling(10, 16 / 9, 1334, 460, 36)")  # the paper's 8 methods and 2 dummies, on a laptop
    assert ten == {"columns": 5, "tile": 257}
    assert evaluated("s.tiling(1, 1.5, 1334, 460, 0)") == {"columns": 1, "tile": 690}
    assert evaluated("s.tiling(8, 16 / 9, 360, 500, 36)") == {"columns": 1, "tile": 360}  # a telephone: scrolls
    assert evaluated("s.tiling(4, 0.5, 1300, 400, 36)") == {"columns": 4, "tile": 316}  # upright, too small to be seen


def test_the_order_is_by_the_participants_seed(built: Path) -> None:
    all_and_counts = evaluated(
        "(() => { const items = [...'abcdefgh'];"
        "const all = [7, 7, 8].map((seed) => s.shuffled(items, s.generator(seed)).join(''));"
        "const counts = {}; for (let i = 0; i < 8000; i++) {"
        " const first = s.shuffled(items, s.generator(i * 2654435761))[0]; counts[first] = (counts[first] || 0) + 1; }"
        "return [all, counts]; })()"
    )
    (first, again, other), counts = all_and_counts
    assert first == again != other
    assert sorted(first) == sorted(other) == list("abcdefgh")
    assert all(900 < count < 1100 for count in counts.values())  # 1000 are expected, with a deviation of 30
    assert len(counts) == 8


def folders(root: Path, names: tuple[str, ...] = ("a", "b")) -> dict[str, Path]:
    """Stills for two methods, contents and references."""
    for kind, seed in (("contents", 0), ("looks", 5), ("one", 7), ("two", 9)):
        for i, name in enumerate(names):
            (root / kind).mkdir(exist_ok=True)
            write_still(clip(seed + i)[0], root / kind / f"{name}.png")
    return {name: root / name for name in ("one", "two")}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_builds_from_folders(tmp_path: Path) -> None:
    methods = [f"--method={name}={folder}" for name, folder in folders(tmp_path).items()]
    (tmp_path / "texts.yaml").write_text("b: Late summer, remembered.\n")
    built = run("build", "--contents", tmp_path / "contents", "--references", tmp_path / "looks", *methods,
                "--descriptions", tmp_path / "texts.yaml", "--output", tmp_path / "study")  # fmt: skip
    assert built.returncode == 0, built.stderr
    _, study, key = read(tmp_path / "study")
    assert [q["description"] for q in study["questions"]] == ["", "Late summer, remembered."]
    assert key["methods"] == ["one", "two"]
    assert all(uri.startswith("data:image/jpeg") for uri in study["media"].values())


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = folders(tmp_path)
    common = ["--contents", tmp_path / "contents", "--references", tmp_path / "looks", "--output", tmp_path / "study"]
    cases = [
        (["build", *common, "--method", "one"], "give NAME=FOLDER"),
        (["build"], "give --contents, --references and --method"),
        (["build", *common, f"--method=one={methods['one']}"], "compares two methods or more, not 1"),
        (["aggregate", tmp_path / "nothing.json", "--output", tmp_path], "cannot read"),
    ]
    main = runpy.run_path(str(SCRIPT))["main"]
    for arguments, message in cases:
        assert main([*map(str, arguments)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("user_study.py: ")
        assert message in said
        assert said.count("\n") == 1


def test_folders_that_do_not_pair_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path)
    contents, looks = tmp_path / "contents", tmp_path / "looks"
    assert [q.name for q in from_folders(contents, looks, methods, 1, {})] == ["a"]
    with pytest.raises(InputError, match="there is a description of 'c', which is no question; there are a, b"):
        from_folders(contents, looks, methods, 9, {"c": "x"})
    (tmp_path / "two" / "b.png").unlink()
    with pytest.raises(InputError, match=r"two has no 'b', which .*contents has"):
        from_folders(contents, looks, methods, 9, {})
    with pytest.raises(InputError, match="no such folder"):
        from_folders(tmp_path / "none", looks, methods, 9, {})
    (tmp_path / "t.yaml").write_text("- a\n")
    with pytest.raises(InputError, match="must map the names of questions to text"):
        descriptions(tmp_path / "t.yaml")


def test_questions_come_from_the_rows_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the cache is there
    questions = from_table("paired_mini", None, ["mkl", "reinhard"], 2, {"chelsea/bleach_bypass": "Bleak."})
    assert [q.name for q in questions] == ["astronaut/bleach_bypass", "chelsea/bleach_bypass"]
    assert questions[1].description == "Bleak."
    sample = packaged_pairs(graded_with=["bleach_bypass"])[0].load()
    assert torch.equal(questions[0].content(), sample.frames)
    assert torch.equal(questions[0].reference(), sample.reference)
    wanted = load_model("mkl")(sample.frames, sample.reference)(sample.frames)
    torch.testing.assert_close(questions[0].outputs["mkl"](), wanted, atol=1e-5, rtol=0)
    assert len(list((tmp_path / "outputs/evaluate/cache/predictions").iterdir())) == 1
    for arguments, message in (
        (("pared_mini", None, None), "no table 'pared_mini'; did you mean paired_mini"),
        (("paired_mini", "films", None), "has no data set 'films'; it has looks"),
        (("paired_mini", None, ["mkll"]), "no model or checkpoint folder 'mkll'; did you mean mkl"),
        (("ncst_3", None, None), "cannot be shown: not measured"),
        (("vcg_1", "clips", ["WCT2", "MKL"]), "the row WCT2 is not run: it is no method of ours"),
    ):
        with pytest.raises(InputError, match=message):
            from_table(*arguments, 2, {})


def test_a_study_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 questions with dummies do not fit into 1"):
        build_study([question(0)], tmp_path, Settings(dummies=2))
    longer = replace(question(0), outputs={"m0": lambda: clip(0), "m1": lambda: clip(0, frames=5)})
    with pytest.raises(InputError, match="q0: m0 shows 4 frames of it and m1 5"):
        build_study([longer], tmp_path, Settings(dummies=0))
    other = replace(question(1), outputs={"m0": lambda: clip(0), "x": lambda: clip(0)})
    with pytest.raises(InputError, match="q1 has outputs of"):
        build_study([question(0), other], tmp_path, Settings(dummies=0))
    with pytest.raises(InputError, match="at least one question"):
        build_study([], tmp_path, Settings())
