"""Runs Snakemake and the scripts of its jobs in forks of one process that has imported libraries beforehand.

Each command of Snakemake is saved a second or two, and each script half a second. Nothing of ultraseg is imported
beforehand. A program ``snakemake`` that calls ``ask`` sends its arguments, folder, environment and open files here and
ends as the command ends. That Snakemake takes a program in place of Python, which does the same with a script. What
Python itself takes from the environment when it starts is that of the server, but for PYTHONPATH.

    python snakemake_server.py ADDRESS                        serves, until its standard input ends
    python snakemake_server.py ADDRESS ask ARGUMENT...        is a program snakemake
    python snakemake_server.py ADDRESS ask-alone ARGUMENT...  is one whose scripts have a Python of their own
    python snakemake_server.py ADDRESS script ARGUMENT...     is a Python that runs a script
"""

import atexit
import importlib
import json
import os
import select
import shlex
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

# What the Snakefile and many scripts import. TensorFlow is not among them: it does not survive a fork.
LIBRARIES = (
    "jsonschema",
    "yaml",
    "cv2",
    "fastremap",
    "h5py",
    "matplotlib.pyplot",
    "networkx",
    "numcodecs",
    "pandas",
    "pyarrow.parquet",
    "scipy.ndimage",
    "scipy.sparse.csgraph",
    "scipy.spatial",
    "skimage.measure",
    "skimage.segmentation",
    "snakemake.script",
    "tifffile",
    "zarr",
)


def ask(address: str, kind: str = "ask") -> int:
    """Have the server run the command of this process; returns its status. kind: ask, ask-alone or script (above)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        command = json.dumps([kind, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(connection, [len(command).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(command)
        return int(connection.recv(10) or 1)


def take_place(connection: socket.socket) -> tuple[str, list[str]]:
    """Take the place of the process that asks; returns what it asks for and its arguments."""
    size, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        kind, arguments, folder, environment = json.loads(stream.read(int.from_bytes(size, "big")))
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return kind, arguments


def run_snakemake(arguments: list[str], python: Path | None) -> None:
    """Run one command as ``snakemake`` would, in this process; ``python``: what runs the scripts of its jobs."""
    import snakemake.cli

    sys.argv = ["snakemake", *arguments]
    sys.executable = str(python or sys.executable)
    snakemake.cli.main(arguments)


def run_script(arguments: list[str]) -> None:
    """Run a script as ``python`` would, in this process."""
    file = Path(arguments[0])
    sys.argv = arguments
    # The first entry is the folder of this file, where Python has that of the script.
    sys.path[0:1] = [str(file.parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    main = type(sys)("__main__")
    main.__dict__.update(__file__=str(file), __builtins__=__builtins__)
    sys.modules["__main__"] = main
    exec(compile(file.read_bytes(), str(file), "exec"), main.__dict__)


def status_of(run, *arguments) -> int:
    """The status with which a process would end that does nothing but this."""
    status = 0
    try:
        run(*arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    return status


def python_of(address: str) -> Path:
    """A program in place of Python: scripts run in a fork of the server, all else in a Python of its own."""
    python = Path(address).with_name("python")
    if not python.exists():
        real, server = shlex.quote(sys.executable), shlex.quote(__file__)
        ask = f'exec {real} -SE {server} {shlex.quote(address)} script "$@"'
        part = python.with_name(f"python-{os.getpid()}")
        part.write_text(f'#!/bin/sh\ncase $1 in -*) exec {real} "$@" ;; esac\n{ask}\n')
        part.chmod(0o755)
        os.replace(part, python)
    return python


def serve(address: str) -> None:
    """Serve commands, one fork each, until the standard input ends: with the process that started this one at last."""
    import snakemake.cli

    for library in LIBRARIES:
        importlib.import_module(library)
    snakemake.cli.get_argument_parser()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    server.close()
                    status = 1
                    try:
                        kind, arguments = take_place(connection)
                        if kind == "script":
                            status = status_of(run_script, arguments)
                        else:
                            python = python_of(address) if kind == "ask" else None
                            status = status_of(run_snakemake, arguments, python)
                    finally:
                        sys.stdout.flush()
                        sys.stderr.flush()
                        connection.sendall(str(status).encode())
                        os._exit(status)
            with suppress(ChildProcessError):  # none is left
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


@contextmanager
def served(address: str, **environment: str):
    """A server in a process of its own while the block lasts."""
    # A process that is forked should have no other threads.
    environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") | environment
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [sys.executable, __file__, address], env=os.environ | environment, **pipes
    ) as server:
        assert server.stdout.readline() == "ready\n"
        yield


if __name__ == "__main__":
    if len(sys.argv) > 2:
        kind, address = sys.argv.pop(2), sys.argv.pop(1)
        sys.exit(ask(address, kind))
    serve(sys.argv[1])
