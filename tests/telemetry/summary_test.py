"""Parameter tables and the description of the environment."""

import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp

from gan_jax.telemetry import environment, parameter_table, summary


def test_parameter_table():
    generator = {"Dense_0": {"kernel": jnp.ones((3, 4)), "bias": jnp.ones(4)}}
    discriminator = jax.eval_shape(lambda: {"kernel": jnp.ones((5, 2), jnp.bfloat16)})
    table = parameter_table({"generator": generator, "discriminator": discriminator, "none": {}})
    assert re.search(r"^generator$", table, re.MULTILINE)
    assert re.search(r"\| Dense_0/kernel \| \(3, 4\) \| float32 \| 12 +\|", table)
    assert "Total: 16 -- 64 bytes" in table
    assert re.search(r"\| kernel \| \(5, 2\) \| bfloat16 \| 10 +\|", table)
    assert table.splitlines()[-1] == "All networks: 26 parameters -- 84 bytes"


def test_environment_is_json_and_names_what_is_there():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert found["jax"] == jax.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert (found["platform"], found["devices"]) == ("cpu", jax.device_count())
    assert found["orbax-checkpoint"]


def test_commit_is_the_checkouts_own(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    assert summary._commit(tmp_path) is None
    git("init", "-q")
    (tmp_path / "file").write_text("1")
    (tmp_path / "site-packages").mkdir()
    git("add", "file")
    git("commit", "-q", "-m", "one")
    commit = summary._commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (tmp_path / "file").write_text("2")
    assert summary._commit(tmp_path) == f"{commit}+changes"
    # Installed somewhere inside a checkout of something else.
    assert summary._commit(tmp_path / "site-packages") is None
