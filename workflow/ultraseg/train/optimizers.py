"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

CLIP_NORM = 1.0  # of the gradient of each variable


@keras.saving.register_keras_serializable("ultraseg")
class ClippedAdamW(keras.optimizers.AdamW):
    """AdamW that limits the norm of each variable's gradient of the whole batch, also where several devices share it.

    Keras' own ``clipnorm`` limits the gradient that each device found on its part of the batch, before these are added
    up.
    """

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Update one variable by its gradient."""
        norm = ops.sqrt(ops.sum(ops.square(gradient)))
        super().update_step(gradient * (CLIP_NORM / ops.maximum(norm, CLIP_NORM)), variable, learning_rate)


OPTIMIZERS: dict[str, Callable[[float, float], keras.optimizers.Optimizer]] = {
    "adamw": lambda rate, decay: ClippedAdamW(rate, weight_decay=decay),
    "adam": lambda rate, decay: keras.optimizers.Adam(rate),
}


def optimizer_by_name(name: str, learning_rate: float, weight_decay: float) -> keras.optimizers.Optimizer:
    """Optimizer for ``model.compile``: 'adamw' (default) or 'adam' (the paper's, without weight decay)."""
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; known are {sorted(OPTIMIZERS)}")
    return OPTIMIZERS[name](learning_rate, weight_decay)
