"""What made a result is told in plain values, and the commit is the checkout's own."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lutgrade import paths
from lutgrade.provenance import commit, environment


def test_the_environment_is_json() -> None:
    facts = environment()
    assert {"lutgrade", "commit", "torch", "python", "machine"} == set(json.loads(json.dumps(facts)))


def test_the_commit_is_the_checkouts() -> None:
    root = paths.checkout()
    if root is None or not (root / ".git").exists():
        pytest.skip("this is no git checkout")
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"([0-9a-f]{12,40})(-dirty)?", commit())
    assert found
    assert head.stdout.startswith(found[1])


def test_a_package_outside_a_checkout_takes_nobodys_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "_CHECKOUT", tmp_path)
    assert commit() == "unknown"
