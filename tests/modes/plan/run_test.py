import importlib.util
import json
import sys

import jax
import pytest

from gan_jax.modes import plan as mode
from gan_jax.modes.plan import chips, tpu
from gan_jax.modes.plan import run as plan
from tests.modes.plan.hand_count_test import small
from tests.toys import config as toys

HAS_COMPILER = importlib.util.find_spec("libtpu") is not None


def test_a_plan_is_printed_and_kept(tmp_path, capsys):
    config, path = small(), tmp_path / "plan.json"
    before = config.to_dict()
    assert mode.main(mode.Flags(config=config, json=str(path))) == 0
    assert config.to_dict() == before
    printed = capsys.readouterr().out
    for text in ("50,000 images of 32x32x3 (assumed, not read)", "GFLOP per step", "there is"):
        assert text in printed
    kept = json.loads(path.read_text())
    assert kept["topology"] is None
    assert kept["config"]["name"] == "test"
    (phase,) = kept["phases"]
    assert set(phase) == {"step"}
    assert phase["step"]["batch_size"] == 8 // jax.device_count()
    with pytest.raises(FileExistsError, match="give a new --json"):
        plan.plan(config, json_path=path)


def test_phases_are_columns(capsys):
    found = plan.plan(toys.get_config("growing"))
    assert len(found["phases"]) == 3
    title = next(line for line in capsys.readouterr().out.splitlines() if "by hand" in line)
    assert title.split()[-6:] == ["phase", "0", "phase", "1", "phase", "2"]


def test_without_the_compiler_of_tpus_a_line_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "libtpu" else find(name)
    )
    with pytest.raises(ValueError, match=r"v5e:2x2 needs .* pip install 'gan_jax\[tpu\]'"):
        plan.plan(small(), topology="v5e:2x2")
    with pytest.raises(ValueError, match="--batch_size_per_chip has no effect without --topology"):
        plan.plan(small(), batch_size_per_chip=4)


def test_a_slice_that_the_compiler_does_not_know_is_refused_in_a_line(monkeypatch):
    from jax.experimental import topologies

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    seen = {}

    def refuse(**arguments):
        seen.update(arguments)
        raise jax.errors.JaxRuntimeError("INVALID_ARGUMENT: no such layout\nmore")

    monkeypatch.setattr(topologies, "get_topology_desc", refuse)
    for name in tpu._NO_TPU:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="compiler refuses it: INVALID_ARGUMENT") as error:
        tpu.devices_of(chips.parse("v4:1x2x1"))
    assert "\n" not in str(error.value)
    assert seen["topology_name"] == "v4:1x2x1"
    assert seen["chips_per_host_bounds"] == (1, 2, 1)
    assert seen["chip_config_name"] == "megacore"


# In a process of its own, as libtpu is loaded for good, and reads its environment then.
COMPILE = """
import json, sys
from tests.modes.plan.hand_count_test import small
from gan_jax.modes.plan.run import plan
config = small()
config.steps_per_call, config.parallel = 3, sys.argv[2]
found = plan(config, topology="v5e:1x2", batch_size_per_chip=4)
json.dump(found["phases"][0], open(sys.argv[1], "w"))
"""


@pytest.mark.skipif(not HAS_COMPILER, reason="needs libtpu")
@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_step_is_compiled_for_a_tpu(tmp_path, parallel):
    import os
    import subprocess

    path = tmp_path / "phase.json"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", COMPILE, str(path), parallel]
    subprocess.run(command, check=True, env=environment, timeout=600)
    phase = json.loads(path.read_text())
    assert phase["step"]["batch_size"] == 4
    assert set(phase["compiled"]["collectives"]) == {"all-reduce"}
    assert phase["compiled"]["steps_per_call"] == 3
    assert phase["compiled"]["arguments"] > phase["step"]["memory"]["resident data"]
    assert 0 < phase["roofline"]["overlapped"] <= phase["roofline"]["in_sequence"]
