"""The comparison's own logic; neither network is run."""

import json
import sys

import numpy as np
import pytest

from tests.benchmarks.scripts import importable

with importable():
    import compare_inception
    import inception_speed


def test_differences_are_relative_to_an_image_an_element_and_the_spread():
    theirs = np.array([[3.0, 4.0], [3.0, -4.0]], np.float32)
    ours = theirs + np.array([[0.0, 0.5], [0.0, 0.0]], np.float32)
    found = compare_inception.difference(ours, theirs)
    assert found == pytest.approx(
        {"relative": 0.5 / 5, "element": 0.5 / 4, "spread": np.sqrt(0.125) / 4}
    )


def test_the_best_call_counts():
    calls = []
    speed = inception_speed.best_speed(lambda: calls.append(1), 8)
    assert len(calls) == 4
    assert speed["images_per_second"] > 0
    assert speed["batch_size"] == 8


def made_up(relative, formats_agree=True):
    numbers = {"relative": relative, "element": 1e-6, "spread": 1e-6}
    speed = {"images_per_second": 2.0, "processor_seconds_per_image": 0.2}
    one = {"features": numbers, "logits": {**numbers, "relative": 1e-7}, "pixels": 0.0}
    return {
        "formats_agree": formats_agree,
        "gan_jax": {"speed": speed},
        "torch_fidelity": {"speed": speed},
        "sets": {"random 32x32": one},
    }


@pytest.mark.parametrize(
    ("relative", "formats_agree", "status"), [(9e-5, True, 0), (2e-4, True, 1), (9e-5, False, 1)]
)
def test_the_status_says_whether_the_bound_holds(
    relative, formats_agree, status, monkeypatch, tmp_path, capsys
):
    result = made_up(relative, formats_agree)
    monkeypatch.setattr(compare_inception, "compare", lambda options, folder: result)
    path = tmp_path / "result.json"
    assert compare_inception.main(["--json", str(path)]) == status
    assert f"{relative:.2e}" in capsys.readouterr().out
    written = json.loads(path.read_text())
    assert written["within_bound"] is (status == 0)
    assert written["sets"] == result["sets"]


def test_a_failing_worker_is_one_line(monkeypatch, tmp_path, capfd):
    options = compare_inception.parse_arguments(["--torch-python", sys.executable])
    monkeypatch.setattr(compare_inception, "WORKER", tmp_path / "missing.py")
    with pytest.raises(RuntimeError, match=r"missing\.py ended with status 2"):
        compare_inception.run_torch(options, tmp_path)
