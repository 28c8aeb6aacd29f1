import json

import jax
import numpy as np
import pytest

from configs import common
from gan_jax.modes.benchmark import peak
from gan_jax.modes.benchmark import run as benchmark


def tiny():
    config = common.base("test")
    config.model.network, config.batch_size = "mlp", 8
    config.model.width, config.model.latent_dim = 0.0625, 4
    config.model.discriminator.steps = 2
    return config


def test_modes_are_measured_side_by_side_and_kept(tmp_path, capsys):
    config = tiny()
    before = config.to_dict()
    rows = benchmark.benchmark(
        config,
        parallel_modes=["jit", "pmap"],
        rounds=3,
        synthetic=True,
        json_path=tmp_path / "numbers.json",
    )
    assert config.to_dict() == before
    assert [row["parallel"] for row in rows] == ["jit", "pmap"]
    for row in rows:
        assert (row["batch_size"], row["precision"]) == (8, "float32")
        assert row["devices"] == jax.device_count()
        assert row["steps_per_call"] == 1
        assert len(row["seconds"]) == 3
        median = sorted(row["seconds"])[1]
        np.testing.assert_allclose(row["milliseconds_per_step"], 1e3 * median)
        # Two updates of the discriminator, each on a batch of its own.
        np.testing.assert_allclose(row["images_per_second"], 2 * 8 / median)
        assert row["compile_seconds"] > 0
        assert 0 < row["peak_share"] < 1
        assert row["peak_megabytes"] > 4096 * 32 * 32 * 3 / 1e6, "the data lies on the device"
    # Arithmetic does not depend on who does it.
    assert rows[0]["gigaflops_per_step"] == rows[1]["gigaflops_per_step"] > 0
    kept = json.loads((tmp_path / "numbers.json").read_text())
    assert kept["rows"] == rows
    assert kept["data"] == "synthetic"
    assert kept["config"]["name"] == "test"
    assert "jax" in json.dumps(kept["environment"])
    printed = capsys.readouterr().out
    assert benchmark.table(rows) in printed
    lines = benchmark.table(rows).splitlines()
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[:3] == ["batch", "precision", "mode"]


def test_what_cannot_be_measured_is_said_before_anything_is_compiled(monkeypatch):
    monkeypatch.setattr(benchmark, "make_case", lambda *_, **__: pytest.fail("compiled"))
    with pytest.raises(ValueError, match="--rounds must be at least 1, not 0"):
        benchmark.benchmark(tiny(), rounds=0, synthetic=True)


def test_a_batch_that_the_devices_cannot_share_is_no_case():
    config = tiny()
    config.batch_size = 6
    with pytest.raises(ValueError, match="6 cannot be divided over 4 devices"):
        benchmark.make_case(config, steps=1, streams=benchmark.synthetic_data(config, size=8))


def test_synthetic_data_has_the_shape_of_the_config():
    config = tiny()
    config.data.image_size, config.data.channels = 16, 1
    made = benchmark.synthetic_data(config, size=20)
    assert made["data"].arrays["image"].shape == (20, 16, 16, 1)
    assert made["data"].arrays["image"].dtype == np.uint8
    assert len(made["data"].class_names["label"]) == 10
    assert set(made["data"].present_classes("label")) <= set(range(10))


def test_synthetic_data_of_domains_has_a_stream_for_each():
    config = tiny()
    config.data.image_shape = (8, 16)
    config.data.domains = {"a": {"split": "trainA"}, "b": {"split": "trainB"}}
    made = benchmark.synthetic_data(config, size=20)
    assert made["a"].arrays["a"].shape == made["b"].arrays["b"].shape == (20, 8, 16, 3)


def test_the_peak_is_of_a_product_that_is_really_made():
    call, operations = peak.make_matmul("float32")
    call()
    assert operations == 2 * 2 * 1536**3
    assert peak.devices_with_own_arithmetic() == 1
