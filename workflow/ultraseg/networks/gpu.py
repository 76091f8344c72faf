"""What this machine shows of its GPUs before a framework is loaded, and what keeps a job from using them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# CUDA 12 runs on drivers from this one on, and TensorFlow's packages hold code for GPUs from Pascal on.
OLDEST_DRIVER = (525, 60, 13)
OLDEST_COMPUTE = 6.0
# A node without nvidia-persistenced wakes its GPUs first, which takes seconds.
NVIDIA_SMI_SECONDS = 12
QUERY = "name,memory.total,driver_version,compute_cap"
DRIVER_FILE = "/proc/driver/nvidia/version"
INSTALL = "Install the GPU environment: make env ENV=gpu"
OR_CPU = "or choose the CPU: `device: cpu` in the configuration"


@dataclass(frozen=True)
class Gpu:
    """One GPU as nvidia-smi lists it; ``memory_mb`` and ``compute`` are 0 where it does not say."""

    name: str
    memory_mb: int
    driver: str
    compute: float


@dataclass(frozen=True)
class Sight:
    """What is to be seen of GPUs without a framework.

    ``visible``: CUDA_VISIBLE_DEVICES, None when it is not set; ``driver``: the kernel has NVIDIA's driver;
    ``failure``: what nvidia-smi complained of; ``gpus``: those it listed, None where there is no nvidia-smi;
    ``packages``: versions of the installed packages that matter; ``slurm``: this is a SLURM job.
    """

    visible: str | None
    driver: bool
    failure: str | None
    gpus: tuple[Gpu, ...] | None
    packages: Mapping[str, str]
    slurm: bool
    host: str


def look(environment: Mapping[str, str] = os.environ) -> Sight:
    """Collect what the environment, the kernel, nvidia-smi and the installed packages say; takes 12 s at most."""
    gpus, failure = _ask_nvidia_smi()
    return Sight(
        visible=environment.get("CUDA_VISIBLE_DEVICES"),
        driver=Path(DRIVER_FILE).exists(),
        failure=failure,
        gpus=gpus,
        packages=_installed("tensorflow-cpu", "tensorflow", "nvidia-cudnn-cu12", "jax", "jax-cuda12-plugin"),
        slurm="SLURM_JOB_ID" in environment,
        host=socket.gethostname(),
    )


def _ask_nvidia_smi() -> tuple[tuple[Gpu, ...] | None, str | None]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None, None
    command = [program, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS)
    except subprocess.TimeoutExpired:
        return (), f"did not answer within {NVIDIA_SMI_SECONDS} s"
    except OSError as error:
        return (), str(error)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        said = [line for line in (*lines, *done.stderr.splitlines()) if line.strip()]
        return (), said[0].strip() if said else f"ended with status {done.returncode}"
    return tuple(_parse_gpu(line) for line in lines if line.count(",") >= 3), None


def _parse_gpu(line: str) -> Gpu:
    name, memory, driver, compute = (part.strip() for part in line.rsplit(",", 3))
    return Gpu(name, int(_number(memory)), driver, _number(compute))


def _number(text: str) -> float:
    """The number, or 0 for what nvidia-smi writes where it does not know, such as '[N/A]'."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _installed(*names: str) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def objection(sight: Sight, wanted: int, backend: str) -> tuple[str, str] | None:
    """Problem and cure when ``wanted`` GPUs cannot work with a Keras backend here; None when nothing speaks against."""
    return _no_access(sight) or _too_few(sight, wanted) or _unfit(sight) or _no_cuda(sight, backend)


def _elsewhere(sight: Sight) -> str:
    if sight.slurm:
        return (
            "Let SLURM give the job a GPU: in profiles/slurm/config.yaml name a partition with GPUs (slurm_partition) "
            f"for train, predict and cuts, and do not set their resource `gpu`; {OR_CPU}."
        )
    return f"Run it on a machine with an NVIDIA GPU, {OR_CPU}."


def _no_access(sight: Sight) -> tuple[str, str] | None:
    if sight.visible is not None and not _listed(sight.visible):
        cure = _elsewhere(sight) if sight.slurm else f"Unset CUDA_VISIBLE_DEVICES, {OR_CPU}."
        return f"CUDA_VISIBLE_DEVICES is '{sight.visible}', which hides every GPU of {sight.host}", cure
    if not sight.driver and not sight.gpus and sight.failure is None:
        return f"{sight.host} has no GPU, or no NVIDIA driver", _elsewhere(sight)
    if sight.failure is not None:
        return (
            f"nvidia-smi fails on {sight.host}: {sight.failure}",
            "The driver or the GPU of this machine is at fault: restart the machine or tell its administrator, use "
            f"another one (on SLURM: slurm_extra: \"'--exclude={sight.host}'\"), {OR_CPU}.",
        )
    return None


def _listed(visible: str) -> list[str]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves: CUDA stops at the first entry that is none."""
    entries: list[str] = []
    for entry in visible.split(","):
        entry = entry.strip()
        if not entry or entry.startswith("-") or entry.lower() in ("nodevfiles", "none", "void"):
            break
        entries.append(entry)
    return entries


def _too_few(sight: Sight, wanted: int) -> tuple[str, str] | None:
    counts = [] if sight.gpus is None else [len(sight.gpus)]
    counts += [] if sight.visible is None else [len(_listed(sight.visible))]
    if not counts or min(counts) >= wanted:
        return None
    if min(counts) == 0:
        return f"nvidia-smi lists no GPU on {sight.host}", _elsewhere(sight)
    return (
        f"the job was promised {wanted} GPUs and sees {min(counts)} on {sight.host}",
        f"Set `gpus: {min(counts)}` in the configuration, or use a machine with {wanted} GPUs.",
    )


def _unfit(sight: Sight) -> tuple[str, str] | None:
    for gpu in sight.gpus or ():
        parts = tuple(int(part) for part in gpu.driver.split(".") if part.isdigit())
        if parts and parts < OLDEST_DRIVER:
            oldest = ".".join(map(str, OLDEST_DRIVER))
            return (
                f"the NVIDIA driver of {sight.host} is {gpu.driver}, too old for CUDA 12",
                f"Ask for driver {oldest} or newer, use another machine, {OR_CPU}.",
            )
        if 0 < gpu.compute < OLDEST_COMPUTE:
            return (
                f"the {gpu.name} of {sight.host} has compute capability {gpu.compute}, too old for the framework",
                f"Use a GPU of compute capability {OLDEST_COMPUTE} or higher (Pascal and newer), {OR_CPU}.",
            )
    return None


def _no_cuda(sight: Sight, backend: str) -> tuple[str, str] | None:
    seen = sight.gpus[0].name if sight.gpus else "the GPU"
    if backend == "tensorflow" and "tensorflow-cpu" in sight.packages:
        name = f"tensorflow-cpu {sight.packages['tensorflow-cpu']}"
        return f"{name} is installed, which cannot use {seen}", f"{INSTALL}, {OR_CPU}."
    if backend == "jax" and "jax-cuda12-plugin" not in sight.packages:
        return (
            f"JAX is installed without CUDA and cannot use {seen}",
            f"Install jax[cuda12] into the environment, unset KERAS_BACKEND, {OR_CPU}.",
        )
    return None
