"""TensorFlow on the CPU: oneDNN on, threads limited, and no talk on the terminal about either."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Keras, which TensorFlow imports, takes these for data frames and pictures, and does without where they are missing.
# They are a fifth of the time of the import.
NOT_NEEDED = ("pandas", "matplotlib")
# Lines that TensorFlow writes to stderr whatever its level of logging is.
TALK = (b"oneDNN custom operations are on", b"All log messages before absl::InitializeLog")


def start_tensorflow(threads: int) -> None:
    """Import TensorFlow for the CPU with ``threads`` threads; to be called before anything else imports it.

    TensorFlow switches oneDNN on by itself only on processors with AVX-512. oneDNN is faster on all others as well. A
    user's TF_ENABLE_ONEDNN_OPTS counts.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _without_talk(), _missing(NOT_NEEDED):
        import tensorflow as tf

        limit_threads(threads)
        tf.config.list_logical_devices()  # now, as TensorFlow says the same again at its first operation


def limit_threads(threads: int) -> None:
    """Let TensorFlow, which has not computed anything yet, use so many threads."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(min(threads, 2))


@contextmanager
def _missing(libraries: Sequence[str]) -> Iterator[None]:
    """Let libraries that are not loaded yet seem not to be installed."""
    new = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(new))  # type: ignore[arg-type]  # None: Python's word for it
    try:
        yield
    finally:
        for name in new:
            del sys.modules[name]


@contextmanager
def _without_talk() -> Iterator[None]:
    """Hold back what the process writes to stderr, and let it pass afterwards but for the lines of ``TALK``."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not any(words in line for words in TALK):
                    os.write(2, line)
