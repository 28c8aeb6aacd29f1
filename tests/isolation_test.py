"""What keeps the tests apart: from each other, from other workers and from the user's home."""

import os
import pathlib
import subprocess
import sys

import jax

from gan_jax.data import cache

ROOT = pathlib.Path(__file__).parents[1]


def test_the_cache_of_compiled_programs_is_of_this_process_alone():
    """JAX writes entries in place: with a shared cache one process may read half an entry."""
    assert jax.config.jax_enable_compilation_cache
    assert f"_{os.getpid()}_" in jax.config.jax_compilation_cache_dir
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    assert os.environ["JAX_ENABLE_COMPILATION_CACHE"] == "false"


def test_the_cache_of_compiled_programs_is_removed_at_the_end(tmp_path):
    this = f"{__file__}::test_the_cache_of_compiled_programs_is_of_this_process_alone"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", f"--basetemp={tmp_path / 'base'}", this],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "base"] == []


def test_images_are_cached_in_a_folder_of_this_session(tmp_path_factory):
    assert cache.default_directory().is_relative_to(tmp_path_factory.getbasetemp())
