"""What is said while something is compiled: whether it was, for how long, or read."""

import re
import time

import jax
import numpy as np
import pytest

from gan_jax.telemetry import compilation


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_a_program_is_compiled_once(capsys):
    program = jax.jit(lambda x: x * 5.0 - 3.0)
    with compilation.compiling("the step"):
        program(np.float32(1.0))
    (line,) = lines(capsys)
    assert re.fullmatch(r"the step: traced and compiled in \d+\.\d s", line)
    with compilation.compiling("the step"):
        program(np.float32(1.0))
    assert not lines(capsys)


def test_a_program_that_was_read_is_told_apart(capsys):
    with compilation.compiling("the step"):
        # As JAX records a read: the whole of it counts as compiling too.
        jax.monitoring.record_event_duration_secs(compilation._READ, 0.7)
        jax.monitoring.record_event_duration_secs(compilation._COMPILED, 0.8)
    (line,) = lines(capsys)
    assert "read from the cache of compiled programs" in line


def test_it_says_how_long_it_has_been(capsys, monkeypatch):
    monkeypatch.setattr(compilation, "_FIRST_SECONDS", 0.01)
    with compilation.compiling("the step"):
        time.sleep(0.1)
    assert "the step: compiling, 0 s until now" in lines(capsys)


def test_only_one_process_says_it(capsys):
    with compilation.compiling("the step", enabled=False):
        jax.monitoring.record_event_duration_secs(compilation._COMPILED, 0.8)
    assert not lines(capsys)


def test_an_error_ends_it_in_silence(capsys):
    program = jax.jit(lambda x: int(x))
    with pytest.raises(jax.errors.ConcretizationTypeError), compilation.compiling("the step"):
        program(1)
    assert not lines(capsys)
