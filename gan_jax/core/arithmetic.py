"""Floating-point operations of a traced function, by the textbook count.

A multiply-add is two operations. Matrix products and convolutions are counted, what is done
element by element is not: it is a few percent of a GAN's step and bound by memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax


def count(function: Callable[..., Any], *args: Any) -> float:
    """Operations of `function(*args)`.

    A `lax.scan` counts as often as it runs. Of a `lax.cond` the cheapest branch counts, so a
    player that trains only every few steps is left out. The zeros that a transposed convolution
    puts between its inputs are not multiplied and not counted.

    Args:
      function: Pure.
      *args: Arrays or `jax.ShapeDtypeStruct`.

    Returns:
      The number of operations.

    Raises:
      NotImplementedError: For a `lax.while_loop` with arithmetic in it: how often it runs is not
        known.
    """
    return float(_count(jax.make_jaxpr(function)(*args).jaxpr))


def _count(jaxpr) -> float:
    return sum(_count_equation(equation) for equation in jaxpr.eqns)


def _count_equation(equation) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _dot(equation)
    if name == "conv_general_dilated":
        return _convolution(equation)
    if name == "scan":
        return params["length"] * _count(params["jaxpr"].jaxpr)
    if name == "cond":
        return min(_count(branch.jaxpr) for branch in params["branches"])
    inner = sum(_count(jaxpr) for jaxpr in _inner(params.values()))
    if name == "while" and inner:
        raise NotImplementedError("arithmetic in a lax.while_loop cannot be counted")
    return inner


def _inner(values) -> Iterator[Any]:
    """The programs among an equation's parameters: of a nested jit, a custom derivative, ..."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from _inner(value)
        elif hasattr(value, "eqns"):
            yield value
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr


def _dot(equation) -> float:
    left = equation.invars[0].aval.shape
    (contracted, _), _ = equation.params["dimension_numbers"]
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracted)


def _convolution(equation) -> float:
    numbers = equation.params["dimension_numbers"]
    kernel = equation.invars[1].aval.shape
    taps = math.prod(kernel[i] for i in numbers.rhs_spec[1:])  # input channels, then space
    products = math.prod(equation.outvars[0].aval.shape) * taps
    return 2.0 * products / math.prod(equation.params["lhs_dilation"])
