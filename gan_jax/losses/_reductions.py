"""Means over a batch that may be divided over devices.

A mean over examples needs none of these: the mean of the devices' own means is the batch's. What
follows is for objectives that are not linear in a mean, whose value would otherwise depend on the
number of devices.
"""

import jax
import jax.numpy as jnp


def batch_mean(values: jax.Array, axis_name: str | None, *, axis: int | None = None) -> jax.Array:
    """Returns the mean over the whole batch.

    Args:
        values: one device's share of it [B, ...], equally many on every device.
        axis_name: mapped axis that the batch is divided over; None if it is not.
        axis: axis to average; all of them if None.
    """
    mean = jnp.mean(values, axis)
    return mean if axis_name is None else jax.lax.pmean(mean, axis_name)


def batch_std(values: jax.Array, axis_name: str | None) -> jax.Array:
    """Returns the population standard deviation [] of all entries of the whole batch.

    Args:
        values: one device's share of it [B, ...], equally many on every device.
        axis_name: mapped axis that the batch is divided over; None if it is not.
    """
    deviations = values - batch_mean(values, axis_name)
    return jnp.sqrt(batch_mean(jnp.square(deviations), axis_name))
