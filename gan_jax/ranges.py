"""The numbers that a setting or a flag may be: declared once, checked and explained from there."""

from __future__ import annotations

import dataclasses
import math
import struct

# The largest whole number where none is declared: what the counters of a compiled program hold.
LARGEST = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Range:
    """A range of finite numbers.

    A number that is not whole must also be in the range once it is rounded to float32, in which
    networks compute: 1e39 is infinite there, and 0.9999999999 is 1.

    Attributes:
      least: The smallest number.
      above: A number that it must be above.
      most: The largest number; of a whole number without an upper bound, `LARGEST`.
      below: A number that it must be below.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        """As in "at least 0 and below 1"; empty where every finite number will do."""
        return " and ".join(f"{words} {shown(limit)}" for words, limit in self._bounds())

    def contains(self, number: float) -> bool:
        """Whether a number is finite and in the range."""
        if isinstance(number, int):
            fits = number <= LARGEST or not self._is_open()
            return fits and number >= -LARGEST and self._holds(number)
        rounded = _float32(number)
        # A closed bound may itself be rounded outwards.
        open_bounds = dataclasses.replace(self, least=None, most=None)
        return math.isfinite(rounded) and self._holds(number) and open_bounds._holds(rounded)

    def check(self, what: str, number: float) -> None:
        """Refuses a number outside of the range.

        Args:
          what: What the number is, for the message.
          number: The number.

        Raises:
          ValueError: In one line that names the range.
        """
        if self.contains(number):
            return
        wanted = str(self)
        if isinstance(number, int) and number > LARGEST and self._is_open():
            wanted = str(dataclasses.replace(self, most=LARGEST))
        raise ValueError(f"{what} must be {wanted or 'a finite number'}, not {shown(number)}")

    def _bounds(self) -> list[tuple[str, float]]:
        bounds = (
            ("at least", self.least),
            ("above", self.above),
            ("at most", self.most),
            ("below", self.below),
        )
        return [(words, limit) for words, limit in bounds if limit is not None]

    def _is_open(self) -> bool:
        return self.most is None and self.below is None

    def _holds(self, number: float) -> bool:
        return (
            (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )


ANY = Range()
# Of a key of random numbers, which has 32 bits: 2**32 would give the numbers of 0.
SEED = Range(least=0, most=2**32 - 1)


def shown(number: float) -> str:
    """A number as a message has it: whole ones with all their digits, unless there are many."""
    if not isinstance(number, int):
        return f"{number:g}"
    digits = number.bit_length() * 3 // 10
    return str(number) if digits < 25 else f"a number of some {digits} digits"


def _float32(number: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
