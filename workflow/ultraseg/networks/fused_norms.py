"""Batch norm as one operation of TensorFlow in training on the CPU, where Keras computes it in a dozen operations."""

from __future__ import annotations

from types import MethodType
from typing import Any

import keras


def fuse_norms(model: keras.Model) -> None:
    """Let the batch norms of a network train with TensorFlow's own operation, which oneDNN computes on the CPU.

    The numbers are those of Keras up to rounding, weights and files of the network stay as they are. Does nothing under
    other backends, on GPUs, and for layers that share statistics over devices or compute in another precision.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and _fits(layer):
            # Of the instance alone: a class of its own would be written into the files of the network.
            layer.call = MethodType(_call, layer)


def _fits(layer: keras.layers.BatchNormalization) -> bool:
    plain = layer.scale and layer.center and not layer.renorm and not layer.synchronized
    return plain and layer.axis in (-1, 3) and layer.compute_dtype == "float32"


def _call(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    """``BatchNormalization.call``; the layer's own where nothing is learned."""
    if not training or not self.trainable or mask is not None:
        return type(self).call(self, inputs, training=training, mask=mask)
    import tensorflow as tf

    # Gradients flow through the operation; its statistics are those of the batch, as is_training says.
    found, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=self.gamma.value,
        offset=self.beta.value,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=self.epsilon,
        exponential_avg_factor=1.0,
        is_training=True,
    )
    # TensorFlow gives the variance of the population that the batch is drawn from, Keras keeps that of the batch.
    count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
    variance = variance * ((count - 1) / count)
    rest = 1.0 - self.momentum
    self.moving_mean.assign(self.moving_mean * self.momentum + mean * rest)
    self.moving_variance.assign(self.moving_variance * self.momentum + variance * rest)
    return found
