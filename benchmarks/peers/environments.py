"""Environments of other programs: one folder each, made by one command from the versions in its lock file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LAST_LINES = 6  # of what an installer printed
TORCH_FOR_CPU = "https://download.pytorch.org/whl/cpu"  # PyPI has torch with CUDA only, which takes gigabytes
FOLDER = HERE.parents[1] / ".venv-peers"


class InstallError(Exception):
    """A peer could not be installed; the text is what its installer printed last."""


def python_of(peer: str, folder: Path = FOLDER, here: Path = HERE) -> Path:
    """The Python of a peer's environment, which is made where it is missing or its lock file has changed.

    A peer without a lock file runs in our own environment. Raises InstallError with the installer's last words.
    """
    lock = here / peer / "requirements.lock"
    if not lock.exists():
        return Path(sys.executable)
    venv = folder / peer
    made, python = venv / "installed", venv / "bin/python"
    if made.exists() and made.read_text() == lock.read_text():
        return python
    made.unlink(missing_ok=True)
    # The variables of our own environment would lead pip astray.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(lock)]
    failed = _run([sys.executable, "-m", "venv", "--clear", str(venv)], env) or _run(install, env)
    if failed and "+cpu" in lock.read_text():
        failed = _run([*install, "--extra-index-url", TORCH_FOR_CPU], env)
    if failed:
        raise InstallError(failed)
    made.write_text(lock.read_text())
    return python


def _run(command: list[str], env: dict[str, str]) -> str:
    """Run a command; returns the last lines that it printed where it failed, and nothing where it did not."""
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    said = (done.stderr or done.stdout).strip().splitlines()
    return "\n".join(said[-LAST_LINES:]) or f"status {done.returncode}" if done.returncode else ""
