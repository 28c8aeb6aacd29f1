"""Compiled programs are kept: a second start reads them, and nothing goes wrong where it cannot."""

import collections
import sys

import jax
import numpy as np
import pytest
from jax._src import compilation_cache

from gan_jax.runs import compile_cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the programs of a user who has set nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compile_cache, "LEAST_SECONDS", 0.0)
    with compile_cache._settings(jax_compilation_cache_dir=None):
        yield tmp_path / "gan_jax" / "programs"
    compilation_cache.reset_cache()


def compile_again():
    """Compiles one and the same program; returns JAX's events."""
    events = collections.Counter()

    def listener(event, **_):
        events[event.rpartition("/")[2]] += 1

    def program(x):
        return x * 3.0 + 1.0

    jax.monitoring.register_event_listener(listener)
    try:
        result = jax.jit(program)(np.float32(2.0))
    finally:
        jax.monitoring.unregister_event_listener(listener)
    assert float(result) == 7.0
    return events


def test_the_second_start_reads_what_the_first_one_compiled(folder):
    before = jax.config.values.copy()
    with compile_cache.kept_programs():
        assert compile_again()["cache_misses"] == 1
    with compile_cache.kept_programs():
        assert compile_again()["cache_hits"] == 1
    assert jax.config.values == before
    assert compilation_cache.get_file_cache.__module__ == compilation_cache.__name__


def test_a_program_of_another_processor_is_not_read(folder, monkeypatch):
    with compile_cache.kept_programs():
        compile_again()
    monkeypatch.setattr(compile_cache, "_processor", lambda: "another")
    with compile_cache.kept_programs():
        assert compile_again()["cache_hits"] == 0


def test_a_damaged_program_is_compiled_anew(folder):
    with compile_cache.kept_programs():
        compile_again()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with compile_cache.kept_programs():
        assert compile_again()["cache_misses"] == 1
        assert compile_again()["cache_hits"] == 1


@pytest.mark.parametrize(
    ("given", "configured", "most"),
    [(None, -1, compile_cache.MAX_BYTES), ("-1", -1, sys.maxsize), ("100", 100, 100)],
)
def test_what_may_be_kept_is_jaxs_limit_or_ours(monkeypatch, given, configured, most):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_MAX_SIZE", raising=False)
    if given is not None:
        monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", given)
    with compile_cache._settings(jax_compilation_cache_max_size=configured):
        assert compile_cache._most_bytes() == most


def test_the_user_chooses_the_folder_by_jaxs_variable(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "own"))
    with compile_cache.kept_programs():
        compile_again()
    assert len([*(tmp_path / "own").iterdir()]) == 1
    assert not folder.exists()


@pytest.mark.parametrize("by", ["flag", "setting"])
def test_it_can_be_turned_off(folder, by):
    with compile_cache._settings(jax_enable_compilation_cache=by != "setting"):
        compilation_cache.reset_cache()
        with compile_cache.kept_programs(by != "flag"):
            assert not compile_again()["cache_misses"]
    assert not folder.exists()


def test_a_program_that_has_a_cache_of_its_own_keeps_it(folder, tmp_path):
    with (
        compile_cache._settings(jax_compilation_cache_dir=str(tmp_path / "own")),
        compile_cache.kept_programs(),
    ):
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "own")
    assert not folder.exists()


def test_another_jax_trains_without(folder, monkeypatch, capsys):
    monkeypatch.delattr(compilation_cache, "get_file_cache")
    with compile_cache.kept_programs():
        assert not compile_again()["cache_misses"]
    assert "compiled programs are not kept" in capsys.readouterr().out
    assert not folder.exists()
