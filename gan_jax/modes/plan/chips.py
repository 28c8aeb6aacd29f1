"""TPU chips as their maker publishes them, and how chips of a slice are connected.

Sources, per chip:
  v2, v3: Jouppi et al. 2020, "A domain-specific supercomputer for training deep neural networks",
    Communications of the ACM 63(7), tables 2 and 3: 46 and 123 TFLOP/s, 16 and 32 GiB, 700 and
    900 GB/s, four links of 496 and 656 Gbit/s each way.
  v4: Jouppi et al. 2023, "TPU v4: an optically reconfigurable supercomputer", arXiv:2304.01433,
    table 4: 275 TFLOP/s, 32 GiB, 1200 GB/s, six links of 50 GB/s.
  v5e, v5p, v6e: https://cloud.google.com/tpu/docs/v5e, /v5p and /v6e: 197, 459 and 918 TFLOP/s; 16,
    95 and 32 GB; 819, 2765 and 1640 GB/s; 400, 1200 and 800 GB/s of interconnect, both ways
    together, over four, six and four links.
  Rings: an axis of a v2, v3, v5e or v6e slice is closed to a ring where it is as long as the pod's,
    one of v4 and v5p where it is a multiple of 4 (the same pages).
"""

from __future__ import annotations

import dataclasses
import math
import re

from gan_jax.names import check_name


@dataclasses.dataclass(frozen=True)
class Chip:
    """One chip.

    Attributes:
      peak: Multiply-adds of bfloat16 with float32 sums, in FLOP/s.
      memory: Bytes of HBM.
      bandwidth: Of HBM, bytes/s.
      link: Bytes/s of one link to a neighbor, one way.
      pod: The most chips along each axis.
      ring: An axis is a ring where its length is a multiple of this.
      devices: What JAX takes for a device is a chip's such part: two cores are two devices.
    """

    peak: float
    memory: float
    bandwidth: float
    link: float
    pod: tuple[int, ...]
    ring: int
    devices: int = 1


_GIB = 2.0**30
CHIPS = {
    "v2": Chip(46e12, 16 * _GIB, 700e9, 62e9, (16, 16), 16, devices=2),
    "v3": Chip(123e12, 32 * _GIB, 900e9, 82e9, (32, 32), 32, devices=2),
    "v4": Chip(275e12, 32 * _GIB, 1200e9, 50e9, (16, 16, 16), 4),
    "v5e": Chip(197e12, 16 * _GIB, 819e9, 50e9, (16, 16), 16),
    "v5p": Chip(459e12, 95 * _GIB, 2765e9, 100e9, (16, 20, 28), 4),
    "v6e": Chip(918e12, 32 * _GIB, 1640e9, 100e9, (16, 16), 16),
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """A slice of a pod.

    Attributes:
      name: As "v5e:2x2".
      kind: The chip's name.
      axes: Chips along each axis.
    """

    name: str
    kind: str
    axes: tuple[int, ...]

    @property
    def chip(self) -> Chip:
        """What it is made of."""
        return CHIPS[self.kind]

    @property
    def chips(self) -> int:
        """How many there are."""
        return math.prod(self.axes)

    @property
    def devices(self) -> int:
        """What JAX takes for devices."""
        return self.chips * self.chip.devices

    def is_ring(self, length: int) -> bool:
        """Whether an axis of this length is closed."""
        return length > 2 and length % self.chip.ring == 0


def parse(name: str) -> Topology:
    """Reads a topology such as "v5e:2x2".

    Raises:
      ValueError: In one line, if it is not written like that, or there is no such chip or slice.
    """
    match = re.fullmatch(r"(\w+):(\d{1,3}(?:x\d{1,3})*)", name.lower())
    if match is None:
        raise ValueError(f"--topology={name}: write the chip and its slice's sides, as v5e:2x2")
    kind, axes = match[1], tuple(map(int, match[2].split("x")))
    check_name("chip of --topology", kind, tuple(CHIPS))
    pod = CHIPS[kind].pod
    sides = "x".join(map(str, pod))
    if len(axes) != len(pod):
        example = "x".join("2" * len(pod))
        raise ValueError(f"--topology={name}: a slice of {kind} has {len(pod)} sides, as {example}")
    if min(axes) < 1 or any(a > b for a, b in zip(sorted(axes), sorted(pod), strict=True)):
        raise ValueError(f"--topology={name}: the sides of a slice of {kind} are 1 up to {sides}")
    return Topology(f"{kind}:{match[2]}", kind, axes)
