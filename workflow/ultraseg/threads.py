"""Threads and devices of TensorFlow, to be set before it is imported."""

from __future__ import annotations

import os

from ultraseg.errors import UserError


def limit_tensorflow(threads: int, device: str) -> None:
    """Give TensorFlow the job's threads and device; on 'gpu' the GPU must be there: there is no fallback to the CPU.

    The user's KERAS_BACKEND is respected; TensorFlow is the default.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        return
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(min(threads, 2))
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise UserError(
            "the configuration says 'device: gpu', but TensorFlow sees no GPU here",
            "Run on a node with a GPU and the environment of envs/gpu.lock, or set 'device: cpu'.",
        )
    for gpu in gpus if device == "gpu" else []:
        tf.config.experimental.set_memory_growth(gpu, True)
