"""What --deterministic sets, and what it refuses."""

import json

import jax
import pytest
from ml_collections import ConfigDict

from gan_jax import telemetry
from gan_jax.modes.train import deterministic


@pytest.mark.parametrize("flags", [None, "--xla_a=1", "--xla_gpu_deterministic_ops=true"])
def test_xla_is_told_before_there_is_a_device(flags):
    environment = {} if flags is None else {"XLA_FLAGS": flags}
    deterministic.set_flags(environment)
    found = environment["XLA_FLAGS"].split()
    assert found[-1] == "--xla_gpu_deterministic_ops=true"
    assert found[:-1] == ([flags] if flags else [])


def test_the_opposite_is_refused():
    environment = {"XLA_FLAGS": "--xla_a=1 --xla_gpu_deterministic_ops=false"}
    with pytest.raises(ValueError, match="XLA_FLAGS has --xla_gpu_deterministic_ops=false"):
        deterministic.set_flags(environment)


@pytest.mark.parametrize(
    ("platform", "asked", "expected"),
    [("cpu", 0, 0), ("gpu", 0, 50), ("gpu", 8, 8), ("tpu", 0, 50)],
)
def test_the_length_of_calls_follows_no_measurement(
    monkeypatch, tmp_path, platform, asked, expected
):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    config = ConfigDict({"steps_per_call": asked})
    deterministic.fix(config, tmp_path)
    assert config.steps_per_call == expected


def test_a_platform_of_which_nothing_is_known_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "default_backend", lambda: "metal")
    with pytest.raises(ValueError, match="nothing is known of the platform metal"):
        deterministic.fix(ConfigDict(), tmp_path)


def test_a_run_that_began_elsewhere_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    here = telemetry.environment()
    (tmp_path / "environment.json").write_text(json.dumps(here))
    deterministic.fix(ConfigDict(), tmp_path)
    (tmp_path / "environment.json").write_text(json.dumps(here | {"device": "H100"}))
    with pytest.raises(ValueError, match="was last trained with device H100, here it is"):
        deterministic.fix(ConfigDict(), tmp_path)
