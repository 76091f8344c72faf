"""Losses on probability maps that count only what is labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of the Keras backend, or an array
Loss = Callable[[Tensor, Tensor], Tensor]


def pack(target: Tensor, weight: Tensor) -> Tensor:
    """Target and weight (n, y, x, K) as one array (n, y, x, 2 K), the form in which the losses take the truth."""
    return ops.concatenate([target, weight], axis=-1)


def _unpack(truth: Tensor, probability: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    k = probability.shape[-1]
    truth = ops.cast(truth, "float32") / 255.0
    return truth[..., :k], truth[..., k:], ops.cast(probability, "float32")


def _replica() -> Any:
    """TensorFlow's context of one of several devices that share a batch; None where the batch is seen whole."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None


def _sum(values: Tensor) -> Tensor:
    """Sum over the batch's pixels per channel, on all devices that share the batch."""
    total, replica = ops.sum(values, axis=(0, 1, 2)), _replica()
    return total if replica is None else replica.all_reduce("SUM", total)


def _mean_of_known(per_channel: Tensor, weight_sum: Tensor) -> Tensor:
    """Mean over the channels that have any label in the batch; zero when none has.

    Each of several devices returns its share, as Keras adds their losses up.
    """
    known, replica = ops.cast(weight_sum > 0, "float32"), _replica()
    mean = ops.sum(per_channel * known) / ops.maximum(ops.sum(known), 1.0)
    return mean if replica is None else mean / replica.num_replicas_in_sync


def _dice_per_channel(target: Tensor, weight: Tensor, probability: Tensor, smooth: float) -> Tensor:
    overlap = _sum(weight * target * probability)
    total = _sum(weight * (target + probability))
    return 1.0 - (2.0 * overlap + smooth) / (total + smooth)


def soft_dice(truth: Tensor, probability: Tensor) -> Tensor:
    """The paper's loss: one minus soft Dice over the batch, mean over the labelled channels."""
    target, weight, probability = _unpack(truth, probability)
    dice = _dice_per_channel(target, weight, probability, 1.0)
    return _mean_of_known(dice, _sum(weight))


def dice_cross_entropy(truth: Tensor, probability: Tensor) -> Tensor:
    """Soft Dice plus cross-entropy, each a mean over labelled pixels, then over the labelled channels."""
    target, weight, probability = _unpack(truth, probability)
    weight_sum = _sum(weight)
    p = ops.clip(probability, 1e-6, 1.0 - 1e-6)
    entropy = -(target * ops.log(p) + (1.0 - target) * ops.log(1.0 - p))
    entropy = _sum(weight * entropy) / ops.maximum(weight_sum, 1.0)
    # Ten pixels: an empty batch with few false positives is not a Dice of zero.
    return _mean_of_known(entropy + _dice_per_channel(target, weight, probability, 10.0), weight_sum)


LOSSES: dict[str, Loss] = {"dice_cross_entropy": dice_cross_entropy, "soft_dice": soft_dice}


def loss_by_name(name: str) -> Loss:
    """Loss function for ``model.compile``: 'dice_cross_entropy' (default) or 'soft_dice' (the paper's)."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; known are {sorted(LOSSES)}")
    return keras.saving.register_keras_serializable("ultraseg")(LOSSES[name])
