"""Images from a sampler: the one function that generates them, in every mode."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import PartitionSpec

from gan_jax.core import Category, Devices, Sampler, Weights, fitting_batch_size, local_devices
from gan_jax.images import quantize
from gan_jax.sampling.numbering import Inputs, InputsOf, filled, network_inputs

# Images that a device computes at a time, however many are asked for: XLA has other programs for
# products of other sizes, and their last bits differ.
PER_DEVICE = 16
# Numbers whose inputs are held at once, or somewhat more.
_NUMBERS = 256

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


class Generated(NamedTuple):
    """A batch of images and what they were generated from.

    Attributes:
      images: uint8 [B, H, W, C].
      inputs: `{name: array [B, ...]}`, as `sampling.inputs` returns them.
    """

    images: np.ndarray
    inputs: Inputs


@dataclasses.dataclass(frozen=True)
class Generate:
    """Generates a sampler's images; as `make_generate` returns it.

    Attributes:
      sampler: The sampler.
      compiled: `(weights, inputs of batch_size images) -> uint8 [batch_size, H, W, C]`.
      devices: The devices that compute.
      batch_size: Images at a time over all devices.
      prepare: `weights -> weights` that `compiled` takes, or None: they are the same.
    """

    sampler: Sampler
    compiled: Callable[[Weights, Inputs], jax.Array]
    devices: Devices
    batch_size: int
    prepare: Callable[[Weights], Weights] | None = None

    def __call__(self, weights: Weights, inputs: Inputs) -> Iterator[np.ndarray]:
        """Images of given inputs.

        Args:
          weights: The weights that the sampler reads.
          inputs: `{name: array [N, ...]}`, as `sampling.inputs` returns them; N at least 1.

        Yields:
          uint8 [B, H, W, C], quantized as a saved PNG is; B is `batch_size`, or less at the end.

        Raises:
          ValueError: If inputs are missing or not equally many, or a `Category` is out of range.
        """
        inputs = _checked(self.sampler, inputs)
        return (batch.images for batch in self._stream(weights, _cut(inputs, self.batch_size)))

    def numbered(
        self, weights: Weights, inputs_of: InputsOf, count: int, *, start: int = 0
    ) -> Iterator[Generated]:
        """Images number `start` to `count` - 1; never are all of them in memory.

        Args:
          weights: The weights that the sampler reads.
          inputs_of: Maps numbers int32 [B] to inputs, as
            `functools.partial(sampling.inputs, sampler, seed=0)`.
          count: Number of images, those before `start` included.
          start: The first one.

        Yields:
          The batches, in the order of the numbers.

        Raises:
          ValueError: As `__call__`.
        """
        held = fitting_batch_size(_NUMBERS, self.batch_size)
        numbers = (
            np.arange(i, min(i + held, count), dtype=np.int32) for i in range(start, count, held)
        )
        parts = (
            part
            for some in numbers
            for part in _cut(_checked(self.sampler, inputs_of(some)), self.batch_size)
        )
        return self._stream(weights, parts)

    def _stream(self, weights: Weights, parts: Iterable[Inputs]) -> Iterator[Generated]:
        """Sends a batch to the devices before it waits for the one before."""
        weights = _plain(weights)
        if self.prepare is not None:
            weights = self.prepare(weights)
        weights = jax.device_put(weights, self.devices.whole)
        waiting = None
        for part in parts:
            whole = {name: filled(array, self.batch_size) for name, array in part.items()}
            images = self.compiled(weights, jax.device_put(whole, self.devices.divided))
            if waiting is not None:
                yield _fetched(*waiting)
            waiting = images, part
        if waiting is not None:
            yield _fetched(*waiting)


def make_generate(
    sampler: Sampler,
    *,
    options: Mapping[str, Any] = NO_OPTIONS,
    per_device: int = PER_DEVICE,
    devices: Devices | None = None,
) -> Generate:
    """What generates a sampler's images, compiled once.

    Every device computes `per_device` images at a time, whatever the number of images or devices
    is, and the last batch is filled up. So an image does not depend on how many others are
    generated, in which batches, or on how many devices: to the bit, on a CPU. With another
    `per_device`, or on devices of another kind, its pixels may differ by one gray level.

    Args:
      sampler: A sampler of the game.
      options: Values of some of `sampler.options`.
      per_device: Images at a time on a device.
      devices: Those of this process by default.

    Raises:
      ValueError: If the sampler has no such option.
    """
    devices = devices or local_devices()
    # Under `shard_map` each device runs the very program that one device alone would run.
    mapped = jax.shard_map(
        _images_of(sampler, options),
        mesh=devices.divided.mesh,
        in_specs=(PartitionSpec(), devices.divided.spec),
        out_specs=devices.divided.spec,
        check_vma=False,
    )
    prepare = None
    if sampler.prepare is not None:
        prepare = jax.jit(functools.partial(sampler.prepare, **{**sampler.options, **options}))
    return Generate(sampler, jax.jit(mapped), devices, per_device * devices.count, prepare)


def image_shape(
    sampler: Sampler, weights: Weights, inputs: Inputs, *, options: Mapping[str, Any] = NO_OPTIONS
) -> tuple[int, int, int]:
    """(H, W, C) of a sampler's images, before any is computed.

    Args:
      sampler: A sampler of the game.
      weights: The weights that it reads.
      inputs: The inputs of one image or more, as `sampling.inputs` returns them.
      options: Values of some of `sampler.options`.

    Raises:
      ValueError: As `make_generate`, or if the sampler refuses the value of an option.
    """
    apply = _images_of(sampler, options)
    return jax.eval_shape(apply, _plain(weights), _checked(sampler, inputs)).shape[1:]


def _images_of(
    sampler: Sampler, options: Mapping[str, Any]
) -> Callable[[Weights, Mapping[str, jax.Array]], jax.Array]:
    for name in options:
        if name not in sampler.options:
            known = ", ".join(sampler.options) or "none"
            raise ValueError(f"the sampler has no option '{name}' (its options: {known})")
    options = {**sampler.options, **options}

    def images_of(weights: Weights, stored: Mapping[str, jax.Array]) -> jax.Array:
        return quantize(sampler.apply(weights, network_inputs(sampler, stored), **options))

    return images_of


def _checked(sampler: Sampler, inputs: Inputs) -> dict[str, np.ndarray]:
    if set(inputs) != set(sampler.inputs):
        raise ValueError(
            f"the sampler has the inputs {sorted(sampler.inputs)}, given are {sorted(inputs)}"
        )
    inputs = {name: np.asarray(array) for name, array in inputs.items()}
    counts = {name: len(array) for name, array in inputs.items()}
    if len({*counts.values()}) != 1 or 0 in counts.values():
        raise ValueError(f"inputs must be equally many and at least one: {counts}")
    for name, one in sampler.inputs.items():
        if isinstance(one, Category):
            one.check(name, inputs[name])
    return inputs


def _cut(inputs: Inputs, size: int) -> Iterator[dict[str, np.ndarray]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, size):
        yield {name: array[start : start + size] for name, array in inputs.items()}


def _fetched(images: jax.Array, inputs: Inputs) -> Generated:
    count = len(next(iter(inputs.values())))
    return Generated(np.asarray(images)[:count], inputs)


def _plain(weights: Weights) -> Weights:
    return Weights(*map(dict, weights))
