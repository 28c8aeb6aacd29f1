"""Matrix products and convolutions of a traced function: operations and bytes by the textbook.

A multiply-add is two operations. What is done element by element is not counted: it is a few
percent of a GAN's step, bound by memory, and fused with the products. Nothing is run or compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax


class Product(NamedTuple):
    """A matrix product or convolution of a program.

    Attributes:
      primitive: "dot_general" or "conv_general_dilated".
      flops: Operations each time.
      bytes: Of both operands and the result, as if each went through the memory once.
      dtype: The wider operand's, as "float32".
      precision: Of the arithmetic, as JAX names it: "default", "high" or "highest".
      times: How often it is done.
    """

    primitive: str
    flops: float
    bytes: float
    dtype: str
    precision: str
    times: float = 1.0


def products(function: Callable[..., Any], *args: Any) -> list[Product]:
    """The products of `function(*args)`.

    A `lax.scan` counts as often as it runs. Of a `lax.cond` the cheapest branch counts, so a
    player that trains only every few steps is left out. The zeros that a transposed convolution
    puts between its inputs are not multiplied and not counted.

    Args:
      function: Pure.
      *args: Arrays or `jax.ShapeDtypeStruct`.

    Raises:
      NotImplementedError: For a `lax.while_loop` with arithmetic in it: how often it runs is not
        known.
    """
    return products_of(jax.make_jaxpr(function)(*args))


def products_of(traced: jax.core.ClosedJaxpr) -> list[Product]:
    """The same of a function that is traced already, as `jax.make_jaxpr` returns it."""
    return list(_products(traced.jaxpr))


def count(function: Callable[..., Any], *args: Any) -> float:
    """Operations of the products of `function(*args)`, as `products` finds them.

    Args:
      function: Pure.
      *args: Arrays or `jax.ShapeDtypeStruct`.

    Raises:
      NotImplementedError: As `products`.
    """
    return total(products(function, *args))


def total(found: list[Product]) -> float:
    """Operations of some products, each as often as it is done."""
    return float(sum(product.flops * product.times for product in found))


def _products(jaxpr) -> Iterator[Product]:
    for equation in jaxpr.eqns:
        yield from _of_equation(equation)


def _of_equation(equation) -> Iterator[Product]:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        yield _product(equation, _dot(equation))
    elif name == "conv_general_dilated":
        yield _product(equation, _convolution(equation))
    elif name == "scan":
        for product in _products(params["jaxpr"].jaxpr):
            yield product._replace(times=product.times * params["length"])
    elif name == "cond":
        yield from min((list(_products(b.jaxpr)) for b in params["branches"]), key=total)
    else:
        inner = [product for jaxpr in _inner(params.values()) for product in _products(jaxpr)]
        if name == "while" and inner:
            raise NotImplementedError("arithmetic in a lax.while_loop cannot be counted")
        yield from inner


def _inner(values) -> Iterator[Any]:
    """The programs among an equation's parameters: of a nested jit, a custom derivative, ..."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from _inner(value)
        elif hasattr(value, "eqns"):
            yield value
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr


def _product(equation, flops: float) -> Product:
    operands = [operand.aval for operand in equation.invars]
    arrays = [*operands, equation.outvars[0].aval]
    return Product(
        equation.primitive.name,
        flops,
        float(sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays)),
        str(max((operand.dtype for operand in operands), key=lambda dtype: dtype.itemsize)),
        _precision(equation.params["precision"]),
    )


def _precision(value) -> str:
    one = value[0] if isinstance(value, tuple) else value
    return "default" if one is None else one.name.lower()


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
