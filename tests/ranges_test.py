"""Ranges of numbers: what they hold, and how they say what they do not."""

import pytest

from gan_jax.ranges import ANY, SEED, Range

SHARE = Range(least=0.0, below=1.0)


@pytest.mark.parametrize(
    ("numbers", "inside", "outside"),
    [
        (Range(least=1), [1, 7, 2**31 - 1, 1.5], [0, -1, 2**31, 10**400, float("nan")]),
        (SEED, [0, 2**32 - 1], [-1, 2**32]),
        # 0.99999999999 is 1 in float32, in which it is used.
        (SHARE, [0.0, 0.5, 0.999999], [-1e-9, 1.0, 0.99999999999, float("inf")]),
        (Range(above=0.0), [1e-30, 1e30], [0.0, 1e-50, -1.0, 1e39, float("nan")]),
        (Range(above=0.0, most=0.998), [0.998], [0.9981]),
        (ANY, [0, -3.0, 3e38], [float("nan"), float("-inf"), 1e39, -(2**31)]),
    ],
)
def test_what_a_range_holds(numbers, inside, outside):
    assert all(map(numbers.contains, inside))
    assert not any(map(numbers.contains, outside))


@pytest.mark.parametrize(
    ("numbers", "number", "message"),
    [
        (SHARE, float("nan"), "x must be at least 0 and below 1, not nan"),
        (SEED, 2**32, "x must be at least 0 and at most 4294967295, not 4294967296"),
        # Of whole numbers the bound that is always there is named only where it is what is wrong.
        (Range(least=1), 0, "x must be at least 1, not 0"),
        (Range(least=1), 2**31, "x must be at least 1 and at most 2147483647, not 2147483648"),
        (Range(least=1), 10**500, "at most 2147483647, not a number of some 498 digits"),
        (ANY, float("inf"), "x must be a finite number, not inf"),
    ],
)
def test_a_number_outside_is_named_with_the_range(numbers, number, message):
    with pytest.raises(ValueError, match="x must be") as error:
        numbers.check("x", number)
    assert str(error.value).endswith(message)
    numbers.check("x", 1 if numbers is not SHARE else 0.25)
