"""A private SLURM on this computer: a controller and three nodes, one of them with a GPU that is none. Needs root.

Nothing of it runs without being started here, and only what was started here is ended. No systemd, no cgroups, no
database: memory limits are held by SLURM's own accounting, states of jobs are asked with squeue and scontrol.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol", "squeue", "scancel")
# Where SLURM's commands look when SLURM_CONF is not set: Snakemake's job steps take it out of the environment.
SYSTEM = Path("/etc/slurm")
NODES = ("n1", "n2", "n3")
GPU_NODE = "n3"
CPUS, MEMORY_MB = 8, 40000  # said of each node, more than there is: jobs of the size of the profile shall fit


def missing() -> str | None:
    """Why there can be no private SLURM here, or None. Installs Debian's packages where that is possible."""
    if os.geteuid() != 0:
        return "a private SLURM needs root"
    if not all(shutil.which(program) for program in PROGRAMS):
        if not shutil.which("apt-get"):
            return "SLURM is not installed, and there is no apt-get"
        said = _install()
        if said:
            return said
    link = SYSTEM / "slurm.conf"
    if link.exists() and not (link.is_symlink() and "ultraseg-slurm-" in os.readlink(link)):
        return f"{link} belongs to another SLURM"
    return None


def _install() -> str | None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", *command], env=env, capture_output=True, text=True, timeout=400)
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}"
    lost = [program for program in PROGRAMS if not shutil.which(program)]
    return f"{', '.join(PACKAGES)} bring no {', '.join(lost)}" if lost else None


class Cluster:
    """One private SLURM; use it as a context manager."""

    def __init__(self):
        # munge refuses sockets below folders that others cannot enter, such as pytest's.
        self.folder = Path(tempfile.mkdtemp(prefix="ultraseg-slurm-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.ports = dict(zip(("ctld", *NODES), _free_ports(1 + len(NODES)), strict=True))

    def __enter__(self) -> Cluster:
        try:
            self._write_configuration()
            self._start_munge()
            self._start("slurmctld", ["slurmctld", "-c"])
            for node in NODES:
                self.start_node(node)
            _wait(lambda: self.sinfo() == dict.fromkeys(NODES, "idle"), 30, "nodes to be idle", self.sinfo)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    # ---- daemons
    def _write_configuration(self) -> None:
        f, host = self.folder, socket.gethostname()
        for name in ("state", "spool", "log"):
            (f / name).mkdir()
        # SLURM hands out a device file, not a plain one.
        subprocess.run(["mknod", str(f / "gpu0"), "c", "1", "3"], check=True)
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.ports[node]} CPUs={CPUS} "
            f"RealMemory={MEMORY_MB}" + (" Gres=gpu:fake:1" if node == GPU_NODE else "")
            for node in NODES
        ]
        settings = f"""
            ClusterName=ultraseg
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={self.ports["ctld"]}
            SlurmUser=root
            SlurmdUser=root
            AuthType=auth/munge
            AuthInfo=socket={f}/munge.socket
            CredType=cred/munge
            StateSaveLocation={f}/state
            SlurmdSpoolDir={f}/spool/%n
            SlurmctldPidFile={f}/slurmctld.pid
            SlurmdPidFile={f}/slurmd-%n.pid
            SlurmctldLogFile={f}/log/slurmctld.log
            SlurmdLogFile={f}/log/slurmd-%n.log
            SlurmdParameters=config_overrides
            ProctrackType=proctrack/pgid
            TaskPlugin=task/none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU_Memory
            JobAcctGatherType=jobacct_gather/linux
            JobAcctGatherFrequency=task=1
            JobAcctGatherParams=OverMemoryKill
            JobCompType=jobcomp/filetxt
            JobCompLoc={f}/log/jobs.txt
            AccountingStorageType=accounting_storage/none
            GresTypes=gpu
            MinJobAge=7200
            KillWait=3
            SlurmdTimeout=120
            ReturnToService=2
            MpiDefault=none
            {chr(10).join(nodes)}
            PartitionName=cpu Nodes={",".join(NODES)} Default=YES MaxTime=INFINITE State=UP
            PartitionName=gpu Nodes={GPU_NODE} MaxTime=INFINITE State=UP"""
        (f / "slurm.conf").write_text("".join(f"{line.strip()}\n" for line in settings.splitlines()))
        gres = f"NodeName={GPU_NODE} Name=gpu Type=fake File={f}/gpu0 Flags=nvidia_gpu_env\n"
        (f / "gres.conf").write_text(gres)
        SYSTEM.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (SYSTEM / name).unlink(missing_ok=True)
            (SYSTEM / name).symlink_to(f / name)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"key": key, "socket": self.folder / "munge.socket", "pid": self.folder / "munged.pid"}
        command = ["munged", "--force", f"--key-file={files['key']}", f"--socket={files['socket']}"]
        command += [f"--pid-file={files['pid']}", f"--log-file={self.folder}/log/munged.log"]
        command += [f"--seed-file={self.folder}/munge.seed"]
        self._start("munged", command)
        _wait(lambda: files["socket"].exists(), 10, "munge")

    def start_node(self, node: str) -> None:
        self._start(f"slurmd-{node}", ["slurmd", "-N", node])

    def _start(self, name: str, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        _wait(lambda: self._pid(name), 10, f"{name} to start")

    def _pid(self, name: str) -> int | None:
        file = self.folder / f"{name}.pid"
        text = file.read_text().strip() if file.exists() else ""
        return int(text) if text.isdigit() and Path(f"/proc/{text}").exists() else None

    def stop(self) -> None:
        """End all jobs, then the daemons that were started here, by their pid files."""
        if self._pid("slurmctld"):
            for job in self.jobs():
                if job["JobState"] in ("PENDING", "RUNNING"):
                    self.command("scancel", "--signal=KILL", "--full", job["JobId"], check=False)
                    self.command("scancel", job["JobId"], check=False)
        for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
            self._end(name)
        for name in ("slurm.conf", "gres.conf"):
            link = SYSTEM / name
            if link.is_symlink() and os.readlink(link) == str(self.folder / name):
                link.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        pid = self._pid(name)
        if pid is None:
            return
        os.kill(pid, how)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)

    def lose_node(self, node: str) -> None:
        """What a crash of a node is: its daemon and all of its processes vanish, and the controller takes notice."""
        self._end(f"slurmd-{node}", signal.SIGKILL)
        jobs = [
            job["JobId"] for job in self.jobs() if job["JobState"] == "RUNNING" and job["NodeList"] == node
        ]
        for job in jobs:
            for pid in _processes_of(job, self.folder):
                _kill(pid)
        self.command("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")

    def revive_node(self, node: str) -> None:
        self.start_node(node)
        self.command("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)

    # ---- questions
    def command(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def sinfo(self) -> dict[str, str]:
        """State of each node."""
        lines = self.command(
            "sinfo", "--noheader", "-N", "-o", "%N %t", "-p", "cpu", check=False
        ).splitlines()
        return dict(line.split() for line in lines)

    def jobs(self) -> list[dict[str, str]]:
        """All jobs since the start, the finished ones included, in order of their numbers, as scontrol shows them.

        Beside SLURM's own fields: ``rule`` and ``wildcards`` from the comment that Snakemake gave the job.
        """
        text = self.command("scontrol", "show", "job", "--oneliner", check=False)
        found = []
        for line in text.splitlines():
            job = dict(re.findall(r"(\S+?)=(\S*)", line))
            if "JobId" not in job:
                continue
            job["rule"], _, job["wildcards"] = job["Comment"].removeprefix("rule_").partition("_wildcards_")
            found.append(job)
        return sorted(found, key=lambda job: int(job["JobId"]))


def _processes_of(job: str, folder: Path) -> list[int]:
    """Processes of a job of this cluster: its slurmstepd daemons and what they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "cmdline").read_bytes().decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if name.startswith(f"slurmstepd: [{job}.") or (
            f"SLURM_JOB_ID={job}\0" in environment and "SLURM_CLUSTER_NAME=ultraseg\0" in environment
        ):
            found.append(int(entry.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _wait(done: Callable, seconds: float, what: str, show: Callable = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}: {show()}")
        time.sleep(0.1)
