"""GPUs before a framework is loaded: what is seen of them, and a cure for each thing that can be wrong."""

import dataclasses
import time

import pytest
from ultraseg.networks import gpu
from ultraseg.networks.gpu import Gpu, Sight, look, objection

A100 = Gpu("NVIDIA A100-SXM4-40GB", 40960, "550.54.15", 8.0)
GOOD = Sight(None, True, None, (A100,), {"tensorflow": "2.21.0", "nvidia-cudnn-cu12": "9.28"}, False, "node7")


def said(wanted=1, backend="tensorflow", **changes):
    found = objection(dataclasses.replace(GOOD, **changes), wanted, backend)
    return " | ".join(found) if found else None


def test_nothing_speaks_against_a_good_gpu():
    assert said() is None
    assert said(visible="0") is None and said(visible="GPU-8a1f,GPU-99", gpus=(A100, A100), wanted=2) is None


def test_a_container_without_nvidia_smi_may_still_have_a_gpu():
    assert said(gpus=None) is None


CASES = {
    "hidden": (dict(visible=""), ["CUDA_VISIBLE_DEVICES is ''", "Unset CUDA_VISIBLE_DEVICES", "device: cpu"]),
    "hidden by -1": (dict(visible="-1"), ["CUDA_VISIBLE_DEVICES is '-1'", "hides every GPU of node7"]),
    "SLURM gave none": (
        dict(visible="NoDevFiles", slurm=True),
        ["'NoDevFiles'", "profiles/slurm/config.yaml", "slurm_partition"],
    ),
    "no GPU": (dict(gpus=None, driver=False), ["node7 has no GPU, or no NVIDIA driver", "device: cpu"]),
    "no GPU on SLURM": (dict(gpus=None, driver=False, slurm=True), ["no GPU", "slurm_partition"]),
    "broken driver": (
        dict(gpus=(), failure="Failed to initialize NVML: Driver/library version mismatch"),
        ["nvidia-smi fails on node7", "version mismatch", "--exclude=node7"],
    ),
    "none listed": (dict(gpus=()), ["nvidia-smi lists no GPU on node7"]),
    "too few": (dict(wanted=4, gpus=(A100, A100)), ["promised 4 GPUs and sees 2", "gpus: 2"]),
    "too few left": (
        dict(wanted=2, gpus=(A100, A100), visible="1"),
        ["promised 2 GPUs and sees 1", "gpus: 1"],
    ),
    "old driver": (
        dict(gpus=(dataclasses.replace(A100, driver="470.82.01"),)),
        ["driver of node7 is 470.82.01", "525.60.13 or newer"],
    ),
    "old GPU": (
        dict(gpus=(Gpu("Tesla K80", 11441, "550.54.15", 3.7),)),
        ["Tesla K80", "compute capability 3.7", "6.0 or higher"],
    ),
    "CPU environment": (
        dict(packages={"tensorflow-cpu": "2.21.0"}),
        ["tensorflow-cpu 2.21.0", "cannot use NVIDIA A100", "make env ENV=gpu"],
    ),
    "JAX without CUDA": (dict(backend="jax", packages={"jax": "0.7"}), ["without CUDA", "jax[cuda12]"]),
}


@pytest.mark.parametrize("changes, words", CASES.values(), ids=CASES)
def test_what_is_wrong_is_named_with_its_cure(changes, words):
    text = said(**changes)
    assert text is not None
    for word in words:
        assert word in text


def test_the_driver_is_compared_by_number_not_by_text():
    assert said(gpus=(dataclasses.replace(A100, driver="1000.10"),)) is None
    assert said(gpus=(dataclasses.replace(A100, driver="525.60.13"),)) is None
    assert said(gpus=(dataclasses.replace(A100, driver="525.60.11"),)) is not None


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Puts a program named nvidia-smi first on the path."""

    def put(script: str) -> None:
        file = tmp_path / "nvidia-smi"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return put


def test_nvidia_smi_is_read(nvidia_smi):
    nvidia_smi(
        'test "$1" = --query-gpu=name,memory.total,driver_version,compute_cap || exit 9\n'
        "echo 'NVIDIA A100-SXM4-40GB, 40960, 550.54.15, 8.0'\necho 'Odd, [N/A], 550.54.15, [N/A]'"
    )
    sight = look({"CUDA_VISIBLE_DEVICES": "1", "SLURM_JOB_ID": "5"})
    assert sight.gpus == (A100, Gpu("Odd", 0, "550.54.15", 0.0)) and sight.failure is None
    assert sight.visible == "1" and sight.slurm and sight.host
    assert "tensorflow-cpu" in sight.packages or "tensorflow" in sight.packages


def test_a_failing_nvidia_smi_is_quoted(nvidia_smi):
    nvidia_smi(
        'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9'
    )
    sight = look({})
    assert sight.gpus == () and "couldn't communicate" in sight.failure
    assert "couldn't communicate" in objection(sight, 1, "tensorflow")[0]


def test_a_hanging_nvidia_smi_is_not_waited_for(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpu, "NVIDIA_SMI_SECONDS", 0.3)
    nvidia_smi("exec sleep 20")
    start = time.monotonic()
    assert "did not answer within 0.3 s" in look({}).failure and time.monotonic() - start < 5


def test_no_nvidia_smi_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    sight = look({})
    assert sight.gpus is None and sight.failure is None and sight.visible is None
