"""Scripts that the tests run in forks behave as in a Python of their own."""

import os
import subprocess
import sys

import pytest
from snakemake_server import python_of, served

SCRIPT = """
import atexit, os, sys, threading, time
from beside import VALUE
atexit.register(print, "at exit")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread ended"))).start()
print(sys.argv[1:], os.getcwd(), os.environ["MINE"], VALUE, __name__, "ultraseg" in sys.modules)
how = sys.argv[1]
if how == "fail":
    raise ValueError("no such thing")
sys.exit({"text": "an end in words", "number": 3, "well": None}[how])
"""


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    """A Python that runs scripts in forks, and the usual one."""
    address = str(tmp_path_factory.mktemp("server") / "socket")
    with served(address):
        yield python_of(address), sys.executable


@pytest.mark.parametrize("how", ["well", "number", "text", "fail"])
def test_a_fork_does_what_a_python_does(pythons, tmp_path, how):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "beside.py").write_text("VALUE = 7")
    (tmp_path / "here").mkdir()
    said = []
    for python in pythons:
        command = [str(python), str(tmp_path / "script.py"), how]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path / "here", env=os.environ | {"MINE": "yes"}
        )
        errors = [line for line in done.stderr.splitlines() if not line.startswith(" ")]
        said.append((done.returncode, sorted(done.stdout.splitlines()), errors))
    assert said[0] == said[1]
    assert "at exit" in said[0][1] and "thread ended" in said[0][1]
    assert said[0][0] == {"well": 0, "number": 3, "text": 1, "fail": 1}[how]


def test_all_else_runs_in_a_python_of_its_own(pythons):
    command = [str(pythons[0]), "-c", "import sys; print(len(sys.modules) < 200)"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "True\n"
