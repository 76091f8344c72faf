"""Runs commands of Snakemake in forks of one process that has imported it, which saves each a second or two.

A program ``snakemake`` that calls ``ask`` sends its arguments, folder, environment and open files here and ends as the
command ends. What Python itself takes from the environment when it starts, such as PYTHONPATH, is that of the server.

    python snakemake_server.py ADDRESS                  serves, until its standard input ends
    python snakemake_server.py ADDRESS ask ARGUMENT...  is such a program
"""

import json
import os
import select
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress


def ask(address: str) -> int:
    """Have the server run the command of this process; returns its status."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        command = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(connection, [len(command).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(command)
        return int(connection.recv(10) or 1)


def run(connection: socket.socket) -> int:
    """Run one command as ``snakemake`` would, in this process."""
    import snakemake.cli

    size, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        arguments, folder, environment = json.loads(stream.read(int.from_bytes(size, "big")))
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["snakemake", *arguments]
    try:
        snakemake.cli.main(arguments)
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)


def serve(address: str) -> None:
    """Serve commands, one fork each, until the standard input ends: with the process that started this one at last."""
    import jsonschema  # noqa: F401  what the Snakefile imports
    import snakemake.cli
    import yaml  # noqa: F401

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
                        status = run(connection)
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
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [sys.executable, __file__, address], env=os.environ | environment, **pipes
    ) as server:
        assert server.stdout.readline() == "ready\n"
        yield


if __name__ == "__main__":
    if sys.argv[2:3] == ["ask"]:
        del sys.argv[2]
        sys.exit(ask(sys.argv.pop(1)))
    serve(sys.argv[1])
