"""The comparison's own logic: cases, repeated draws, differences and exit status.

torch-fidelity here is a small script with given numbers; PyTorch is not needed.
"""

import json
import sys

import numpy as np
import pytest

from gan_jax import metrics
from tests.benchmarks.scripts import importable

with importable():
    import compare_metrics

SMALL = compare_metrics.Case(60, 50, 8, 0.3, subsets=4, subset_size=20)

FAKE_WORKER = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
assert list(json.loads((folder / "settings.json").read_text())) == ["small"]
assert (folder / "small.npz").exists()
print((pathlib.Path(__file__).parent / "answer.json").read_text())
"""


@pytest.fixture
def ours():
    return compare_metrics.our_statistics(compare_metrics.draw_case(SMALL, 0), SMALL)[0]


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Lets torch-fidelity answer with given values."""
    (tmp_path / "metrics_torch_worker.py").write_text(FAKE_WORKER)
    monkeypatch.setattr(compare_metrics, "HERE", tmp_path)
    monkeypatch.setattr(compare_metrics, "CASES", {"small": SMALL})

    def answer(values, single=None):
        case = {
            precision: {"values": numbers, "seconds": {"fid": 1.0}}
            for precision, numbers in (("float32", single or values), ("float64", values))
        }
        content = {"versions": {"torch": "0"}, "cases": {"small": case}}
        (tmp_path / "answer.json").write_text(json.dumps(content))

    return answer


def marked(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if "above" in line]


def test_a_case_is_drawn_as_asked_and_repeats():
    arrays = compare_metrics.draw_case(SMALL, 0)
    assert {name: (a.shape, str(a.dtype)) for name, a in arrays.items()} == {
        "real": ((60, 8), "float32"),
        "fake": ((50, 8), "float32"),
        "logits": ((50, 1008), "float32"),
    }
    assert arrays["real"].min() == 0.0
    again = compare_metrics.draw_case(SMALL, 0)
    other = compare_metrics.draw_case(SMALL, 1)
    assert all((arrays[name] == again[name]).all() for name in arrays)
    assert (arrays["real"] != other["real"]).any()


def test_the_shuffle_is_repeated_by_positions():
    # Sample j goes where the permutation has j.
    permutation = np.random.RandomState(SMALL.seed).permutation(SMALL.fake)
    logits = compare_metrics.draw_case(SMALL, 0)["logits"]
    state = metrics.inception_score_moments(
        logits, total=50, positions=compare_metrics.torch_fidelity_positions(SMALL)
    )
    expected = metrics.inception_score(logits[permutation])
    assert metrics.inception_score(state) == pytest.approx(expected, rel=1e-12)


def test_agreement_ends_with_status_0_and_is_written(ours, worker, tmp_path, capsys):
    worker(ours)
    path = tmp_path / "result.json"
    assert compare_metrics.main([f"--torch-python={sys.executable}", f"--json={path}"]) == 0
    assert "above" not in capsys.readouterr().out
    report = json.loads(path.read_text())
    rows = report["cases"]["small"]["rows"]
    assert {row["statistic"] for row in rows} == {
        *("fid", "kid", "kid_std", "precision", "recall"),
        *("inception_score", "inception_score_std"),
        *("inception_score_shuffled", "inception_score_shuffled_std"),
    }
    assert max(report["largest_relative_differences"].values()) <= 1e-12


def test_features_of_ones_own_are_a_case(ours, worker, tmp_path):
    np.savez(tmp_path / "small.npz", **compare_metrics.draw_case(SMALL, 0))
    compare_metrics.CASES.clear()
    worker({name: ours[name] for name in ("fid", "precision", "recall")})
    path = tmp_path / "result.json"
    arguments = [f"--torch-python={sys.executable}", f"--features={tmp_path / 'small.npz'}"]
    assert compare_metrics.main([*arguments, f"--json={path}"]) == 0
    settings = json.loads(path.read_text())["cases"]["small"]["settings"]
    assert [settings[key] for key in ("real", "fake", "dim", "subset_size")] == [60, 50, 8, 50]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [("logits", "must hold real, fake and logits"), (None, "50 fake features and 7 logits")],
)
def test_features_that_are_no_case_are_refused_in_one_line(tmp_path, left_out, message):
    arrays = {"real": np.ones((60, 8)), "fake": np.ones((50, 8)), "logits": np.ones((7, 3))}
    arrays.pop(left_out, None)
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(SystemExit, match=message):
        compare_metrics.main(["--features", str(tmp_path / "own.npz")])


def test_a_difference_above_the_bar_ends_with_status_1(ours, worker, capsys):
    worker({**ours, "fid": ours["fid"] * 1.0002}, single=ours)
    assert compare_metrics.main([f"--torch-python={sys.executable}"]) == 1
    assert [line.split()[:2] for line in marked(capsys)] == [["fid", "float64"]]


def test_a_difference_in_single_precision_alone_is_shown_and_no_failure(ours, worker, capsys):
    worker(ours, single={**ours, "kid": ours["kid"] * 0.9998})
    assert compare_metrics.main([f"--torch-python={sys.executable}"]) == 0
    assert [line.split()[:2] for line in marked(capsys)] == [["kid", "float32"]]


def test_a_failing_worker_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "metrics_torch_worker.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(compare_metrics, "HERE", tmp_path)
    monkeypatch.setattr(compare_metrics, "CASES", {"small": SMALL})
    with pytest.raises(SystemExit, match=r"^error: torch-fidelity ended with status 3$"):
        compare_metrics.main([f"--torch-python={sys.executable}"])
    with pytest.raises(SystemExit, match=r"^error: cannot run no-such-python"):
        compare_metrics.main(["--torch-python=no-such-python"])


def test_an_unknown_case_is_one_line(capsys):
    with pytest.raises(SystemExit):
        compare_metrics.parse_arguments(["--cases=nothing"])
    assert "unknown case 'nothing'; there are 300_samples" in capsys.readouterr().err
