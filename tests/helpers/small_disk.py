"""Whether a small disk can be mounted for a test."""

import os
import subprocess


def no_mount() -> str:
    """Why no small disk can be mounted here; empty where it can."""
    if os.geteuid():
        return "mounting a small disk needs root; the case of a limited file size stands for it"
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return f"mount is refused here: {done.stderr.decode().strip()}" if done.returncode else ""
