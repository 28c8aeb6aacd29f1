"""A run may go on in another parallel mode: checkpoints are the same in every mode."""

import json

import numpy as np

from gan_jax import telemetry


def test_a_run_under_pmap_goes_on_under_jit(command_line, tiny, tmp_path):
    run = tmp_path / "run"
    first = command_line(*tiny, f"--workdir={run}", "--config.steps=10", "--config.parallel=pmap")
    assert first.status == 0, first.err
    second = command_line(*tiny, f"--workdir={run}", "--config.steps=20", "--config.parallel=jit")
    assert second.status == 0, second.err
    assert "going on at step 10 of 20" in second.out
    assert json.loads((run / "config.json").read_text())["config"]["parallel"] == "jit"
    lines = telemetry.read_metrics(run / "metrics.jsonl")
    assert [line["step"] for line in lines] == [4, 8, 10, 12, 16, 20]
    assert all(np.isfinite(line["loss/generator"]) for line in lines)
