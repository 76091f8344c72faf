"""The device of a job: a framework set up for it, a GPU that was promised made sure of, and what was used."""

from __future__ import annotations

import importlib
import logging
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.memory import keep_freed_memory
from ultraseg.networks.gpu import INSTALL, OR_CPU, Sight, look, objection
from ultraseg.networks.tensorflow_cpu import limit_threads, start_tensorflow

log = logging.getLogger(__name__)

# A GPU that hangs must not hold a job for hours.
TRIAL_SECONDS = 15


@dataclass(frozen=True)
class Device:
    """What a job computes on.

    ``kind``: 'cpu' or 'gpu'; ``names``: one per device; ``memory_mb``: of each GPU; ``compute``: lowest compute
    capability of its GPUs, None on the CPU; ``framework`` with its version.
    """

    kind: str
    names: tuple[str, ...]
    memory_mb: tuple[int, ...]
    compute: float | None
    driver: str | None
    framework: str
    threads: int

    def record(self, precision: str) -> dict[str, Any]:
        """What is written down with a network or a prediction."""
        return asdict(self) | {"count": len(self.names), "precision": precision}


def open_device(kind: str, threads: int, gpus: int = 1, framework: str | None = None) -> Device:
    """Set the framework up for the CPU or for ``gpus`` GPUs; to be called before Keras is imported.

    The framework is the Keras backend (KERAS_BACKEND is respected; TensorFlow is the default) or 'litert'. Raises
    UserError within 30 s when a GPU was promised and cannot be used: there is no fallback to the CPU.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # JAX's memory shall grow as TensorFlow's does, so that two jobs may share a GPU.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    framework = framework or os.environ["KERAS_BACKEND"]
    if kind == "cpu":
        device = _open_cpu(threads, framework)
    else:
        device = _open_gpus(threads, gpus, framework)
    log.info("device: %s x %s, %s", len(device.names), device.names[0], device.framework)
    return device


def _open_cpu(threads: int, framework: str) -> Device:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    keep_freed_memory()
    if framework == "tensorflow":
        start_tensorflow(threads)
    return Device("cpu", (processor_name(),), (), None, None, _framework_version(framework), threads)


def _open_gpus(threads: int, wanted: int, framework: str) -> Device:
    sight = look()
    found = objection(sight, wanted, framework)
    if found:
        raise UserError(f"the configuration says 'device: gpu', but {found[0]}", found[1])
    opened = {"tensorflow": _tensorflow_gpus, "jax": _jax_gpus}.get(framework)
    if opened is None:
        raise UserError(
            f"KERAS_BACKEND is '{framework}', which ultraseg does not run on GPUs",
            "Unset it, or set it to tensorflow or jax.",
        )
    # A slow file system may take its time over the import; a GPU may not.
    importlib.import_module(framework)
    with time_limit(
        TRIAL_SECONDS,
        f"the configuration says 'device: gpu', but the GPU of {sight.host} did not finish a small trial",
        f"Use another GPU (or a newer framework, if the GPU is newer than that), {OR_CPU}.",
    ):
        gpus, trial = opened(threads, wanted)
        if len(gpus) < wanted:
            raise UserError(*_unseen(sight, framework, len(gpus), wanted))
        try:
            trial()
        except Exception as error:
            raise UserError(*_unusable(error, gpus[0][0])) from error
    known = {gpu.name: gpu for gpu in sight.gpus or ()}
    names = tuple(name for name, _ in gpus[:wanted])
    memory = tuple(known[name].memory_mb for name in names if name in known)
    driver = sight.gpus[0].driver if sight.gpus else None
    lowest = min(compute for _, compute in gpus[:wanted])
    return Device("gpu", names, memory, lowest, driver, _framework_version(framework), threads)


def _tensorflow_gpus(threads: int, wanted: int) -> tuple[list[tuple[str, float]], Callable[[], None]]:
    """Name and compute capability of each GPU, and a small convolution on each, which needs cuDNN."""
    import tensorflow as tf

    limit_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus[:wanted]:
        tf.config.experimental.set_memory_growth(gpu, True)
    if len(gpus) > wanted:
        tf.config.set_visible_devices(gpus[:wanted], "GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]

    def trial() -> None:
        for i in range(wanted):
            with tf.device(f"/GPU:{i}"):
                tf.nn.conv2d(tf.ones((1, 16, 16, 8)), tf.ones((3, 3, 8, 8)), 1, "SAME").numpy()

    found = []
    for detail in details:
        major, minor = detail.get("compute_capability", (0, 0))
        found.append((detail.get("device_name", "GPU"), major + minor / 10))
    return found, trial


def _jax_gpus(threads: int, wanted: int) -> tuple[list[tuple[str, float]], Callable[[], None]]:
    import jax

    try:
        gpus = jax.devices("gpu")
    except RuntimeError:
        gpus = []

    def trial() -> None:
        for gpu in gpus[:wanted]:
            image = jax.device_put(jax.numpy.ones((1, 8, 16, 16)), gpu)
            kernel = jax.device_put(jax.numpy.ones((8, 8, 3, 3)), gpu)
            jax.lax.conv(image, kernel, (1, 1), "SAME").block_until_ready()

    return [(gpu.device_kind, float(getattr(gpu, "compute_capability", 0) or 0)) for gpu in gpus], trial


def _unseen(sight: Sight, framework: str, seen: int, wanted: int) -> tuple[str, str]:
    """Problem and cure when nvidia-smi shows GPUs and the framework does not."""
    name, hints = f"{sight.gpus[0].name} of {sight.host}" if sight.gpus else f"GPU of {sight.host}", ""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    if libraries:
        hints = f" If it is installed: LD_LIBRARY_PATH is {libraries} and may hide its CUDA; unset it."
    return (
        f"the configuration says 'device: gpu', but {_framework_version(framework)} sees {seen} of {wanted} GPU(s): "
        f"it cannot load its CUDA libraries for the {name}",
        f"{INSTALL}, {OR_CPU}.{hints}",
    )


def _unusable(error: Exception, name: str) -> tuple[str, str]:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    cure = f"{INSTALL} anew, use another GPU, {OR_CPU}."
    if any(
        word in str(error).lower() for word in ("out of memory", "out_of_memory", "resource_exhausted", "oom")
    ):
        cure = (
            f"Another program fills its memory (nvidia-smi shows which): end that, use another GPU, {OR_CPU}."
        )
    return f"the configuration says 'device: gpu', but the {name} cannot be used: {text}", cure


@contextmanager
def time_limit(seconds: float, problem: str, cure: str) -> Iterator[None]:
    """End the process with a message when the body hangs in a driver, where no exception reaches it."""

    def end() -> None:
        logging.getLogger("ultraseg").error("%s", UserError(f"{problem} within {seconds:g} s", cure))
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


# ---------------------------------------------------------------- several devices
def data_parallel(count: int, kind: str = "gpu") -> Callable[[], AbstractContextManager[Any]]:
    """The scope in which Keras spreads each batch over ``count`` devices; nothing for one device.

    Networks are to be built, loaded and compiled in it.
    """
    if count == 1:
        return nullcontext
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        return tf.distribute.MirroredStrategy([f"/{kind.upper()}:{i}" for i in range(count)]).scope
    import jax
    import keras

    # Under JAX training asks for the distribution again: a scope would have ended by then.
    devices = jax.devices(kind)[:count]
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    )
    return nullcontext


# ---------------------------------------------------------------- names
def processor_name() -> str:
    """Model of the processor."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _framework_version(framework: str) -> str:
    packages = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "litert": ("ai-edge-litert",)}
    for package in packages.get(framework, (framework,)):
        try:
            return f"{package} {version(package)}"
        except Exception:  # not installed under this name
            continue
    return framework
