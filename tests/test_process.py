"""The scripts settle their threads before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
PROBE = """
import os, runpy, sys

class Probe:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"))
            sys.stdout.flush()
            os._exit(0)

sys.meta_path.insert(0, Probe())
sys.path.insert(0, os.path.dirname(sys.argv[1]))
runpy.run_path(sys.argv[1])
"""


@pytest.mark.parametrize("name", ["train", "evaluate", "benchmark_lut", "benchmark_pipeline", "demo", "user_study"])
@pytest.mark.parametrize("given", [None, "ACTIVE"])
def test_idle_threads_sleep_unless_told_otherwise(name: str, given: str | None) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    command = [sys.executable, "-c", PROBE, str(SCRIPTS / f"{name}.py")]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.split() == [given or "PASSIVE"]
