import threading

import jax
import jax.numpy as jnp
import pytest

from gan_jax import layers
from gan_jax.layers import platform


def test_the_target_is_what_jax_would_run_on_unless_another_is_named():
    assert platform.target() == jax.default_backend()
    with platform.compiling_for("tpu"):
        assert platform.target() == "tpu"
        with platform.compiling_for("gpu"):
            assert platform.target() == "gpu"
        assert platform.target() == "tpu"
        seen = []
        thread = threading.Thread(target=lambda: seen.append(platform.target()))
        thread.start()
        thread.join()
        assert seen == [jax.default_backend()]
    with pytest.raises(KeyError), platform.compiling_for("tpu"):
        raise KeyError
    assert platform.target() == jax.default_backend()


def primitives(function, *shapes):
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    equations = jax.make_jaxpr(lambda *arrays: function(*arrays))(*arguments).jaxpr.eqns
    return {equation.primitive.name for equation in equations}


@pytest.mark.parametrize("function", [layers.conv, layers.conv_transpose])
def test_convolutions_take_the_form_of_the_platform_that_they_are_traced_for(function):
    shapes = (1, 4, 4, 3), (2, 2, 3, 3)
    with platform.compiling_for("tpu"):
        assert "conv_general_dilated" in primitives(function, *shapes)
    with platform.compiling_for("cpu"):
        found = primitives(function, *shapes)
        assert "dot_general" in found
        assert "conv_general_dilated" not in found
