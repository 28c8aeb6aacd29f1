"""The scaling benchmark: its summary, its plots, and one tiny point of training."""

import json

import numpy as np
import pytest

from tests.benchmarks.scripts import importable

with importable():
    import scaling
    import scaling_plots
    import scaling_point


def test_growth_is_the_power_between_neighbors():
    np.testing.assert_allclose(scaling.exponents([1, 2, 8], [3, 6, 6]), [1.0, 0.0], atol=1e-12)
    rows = [
        {"devices": devices, "parallel": parallel, "median_milliseconds": devices**power}
        for parallel, power in (("jit", 0), ("pmap", 1))
        for devices in (1, 2, 4)
    ]
    found = scaling.growth("devices", rows)
    np.testing.assert_allclose(found["jit"], [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["pmap"], [1.0, 1.0])


def measured(point):
    """What a process would have measured of a point: made up, and linear."""
    point = {**scaling_point.dataclasses.asdict(scaling_point.Point(**point))}
    if point["kind"] == "evaluation":
        return {**point, "seconds": point["images"] / 1e3, "peak_megabytes": 600.0}
    milliseconds = float(point["batch_size"])
    return {
        **point,
        "milliseconds_per_step": [milliseconds] * point["rounds"],
        "median_milliseconds": milliseconds,
        "planned_megabytes": 2.0 * milliseconds,
        "own_megabytes": 500.0,
        "mapped_megabytes": 200.0,
        "processors_used": 1.5,
    }


def test_every_sweep_has_its_json_and_its_plot(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scaling, "run_point", measured)
    assert scaling.main([f"--folder={tmp_path}", "--repeats=3"]) == 0
    assert "batch_size, measured: time grows with the power 1.00" in capsys.readouterr().out
    for name, points in scaling.SWEEPS.items():
        report = json.loads((tmp_path / f"{name}.json").read_text())
        assert len(report["points"]) == len(points)
        assert {"commit", "processor", "features", "exponents_of_time"} <= set(report)
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert set(scaling_plots.SWEEPS) == set(scaling.SWEEPS)


def test_of_the_processes_of_a_point_the_fastest_is_kept():
    rows = [
        {**measured({}), "median_milliseconds": value, "milliseconds_per_step": [value]}
        for value in (5.0, 1.0, 2.0)
    ]
    row = scaling.merged(rows)
    assert row["median_milliseconds"] == 1.0
    assert row["milliseconds_per_step"] == [[5.0], [1.0], [2.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--sweeps=width,widht"], "'widht'; there are batch_size"), (["--repeats=0"], "not 0")],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        scaling.main(arguments)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_point_of_streamed_images():
    point = scaling_point.Point(batch_size=4, width=0.01, images=40, placement="host", rounds=2)
    row = scaling_point.measure(point)
    assert len(row["milliseconds_per_step"]) == 2
    assert row["median_milliseconds"] > 0.0
    assert row["planned_megabytes"] > 0.0
    assert row["images"] == 40
