"""In which precision networks compute, as a choice of the configuration and a matter of the device."""

from __future__ import annotations


def policy(mixed: str | bool, compute: float | None, training: bool) -> str:
    """Keras' dtype policy: 'float32', 'mixed_bfloat16' or 'mixed_float16'.

    ``mixed`` is 'auto', True or False; ``compute`` is the GPU's compute capability, None on the CPU. 'auto' mixes on
    GPUs with units for it (7.0 and up) and never on the CPU. Training needs the range of bfloat16 where the GPU has
    it (8.0 and up); prediction takes float16, which rounds eight times finer.
    """
    if mixed is False or (mixed == "auto" and (compute is None or compute < 7.0)):
        return "float32"
    if compute is None:
        return "mixed_bfloat16"
    return "mixed_bfloat16" if training and compute >= 8.0 else "mixed_float16"
