"""Phases whose samplers differ: the one that made a checkpoint generates from it, in every mode."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import common
from gan_jax import core, gans
from gan_jax.metrics import extractor as extractors


@dataclasses.dataclass(frozen=True)
class Settings:
    pass


def build(settings, arrays, run):
    """Two phases of one image size; the second shows noise five times as strong, and its count."""
    shape = arrays["image"].shape

    def objective(params, context):
        loss = jnp.mean((params["bias"]["b"][None] - context.batch["image"]) ** 2)
        return loss, core.Aux(memory={"count": context.memory["count"] + 1.0})

    def sampler(strength, memory):
        def apply(weights, drawn):
            noise = strength * drawn["z"].reshape(-1, *shape)
            noise += 0.01 * sum(weights.memory.values())
            # As batch statistics would be, where the networks of the mapped step are sampled.
            return noise if run.axis_name is None else jax.lax.pmean(noise, run.axis_name)

        inputs = {"z": core.Normal((shape[0] * shape[1],))}
        return core.Sampler(inputs, apply, ("bias",), memory=memory)

    def phase(steps, *arguments):
        gan = core.Gan(
            lambda key: core.Networks(
                {"bias": {"b": jnp.zeros(shape)}}, {"bias": {}}, {"count": jnp.float32(0.0)}
            ),
            {"bias": optax.sgd(0.1)},
            (core.Player("bias", ("bias",), "bias", objective),),
            samplers={"noise": sampler(*arguments)},
            memory_is_mean=True,
        )
        return core.Phase(gan, steps, run.batch_size)

    return core.Experiment((phase(4, 0.1, ()), phase(run.steps - 4, 0.5, ("count",))))


CONFIG = """
from tests.integration import phases_test


def get_config():
    return phases_test.get_config()
"""


def get_config():
    config = common.base("phases", "phases")
    config.data.name, config.data.image_size = "digits", 8
    config.steps, config.batch_size = 8, 8
    config.log_every = config.checkpoint_every = config.evaluate.every = 4
    config.evaluate.extractor, config.evaluate.num_images = "toy", 32
    return config


@pytest.fixture
def run(monkeypatch, toy_extractor, tmp_path, command_line):
    """A run under pmap."""
    known = {**extractors.EXTRACTORS, "toy": lambda weights=None: toy_extractor}
    monkeypatch.setattr(extractors, "EXTRACTORS", known)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(gans.FAMILIES, "phases", gans.Family(Settings, build))
    (tmp_path / "phases.py").write_text(CONFIG)
    outcome = command_line(
        f"--config={tmp_path / 'phases.py'}",
        f"--workdir={tmp_path / 'run'}",
        "--config.parallel=pmap",
    )
    assert outcome.status == 0, outcome.err
    return tmp_path / "run"


def test_a_checkpoint_is_sampled_by_its_own_phase_in_every_mode(run, command_line, tmp_path):
    in_training = {
        result["step"]: result["scores"]["fid_toy"]
        for result in map(json.loads, (p.read_text() for p in (run / "evaluations").iterdir()))
    }
    outcome = command_line(
        *("--mode=evaluate", f"--workdir={run}", "--checkpoints=all", "--extractor=toy"),
        *("--metrics=fid", "--num_images=32", f"--json={tmp_path / 'scores.json'}"),
    )
    assert outcome.status == 0, outcome.err
    later = {
        result["step"]: result["scores"]["fid_toy"]
        for result in json.loads((tmp_path / "scores.json").read_text())
    }
    assert in_training == later
    assert in_training[4] != pytest.approx(in_training[8], rel=0.1)
    spread = {}
    for step in (4, 8):
        output = tmp_path / f"{step}.npz"
        outcome = command_line(
            *("--mode=sample", f"--workdir={run}", f"--checkpoint_step={step}"),
            *(f"--output={output}", "--num_images=4"),
        )
        assert outcome.status == 0, outcome.err
        with np.load(output) as archive:
            spread[step] = archive["images"].std() / 127.5
    assert spread == {4: pytest.approx(0.1, rel=0.1), 8: pytest.approx(0.5, rel=0.1)}
