"""The scripts settle their threads before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lutgrade.process import one_thread

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


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyboardInterrupt), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


ENDS = """
import atexit, sys
from lutgrade.process import leave
atexit.register(print, "at the end")
sys.stdout.write("printed, ")
leave(3)
"""


def test_leaving_keeps_what_was_printed_and_asked_for() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "printed, at the end\n", "")


def test_leaving_keeps_its_code_where_nobody_reads() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from lutgrade.process import leave; print(1, end=''); leave(3)"]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, env=buffered)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (3, "")
