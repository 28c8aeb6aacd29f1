"""metrics.jsonl: valid JSON, exact floats, whole lines; and the check for losses that are NaN."""

import json
import math
import os
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.telemetry import MetricsLog, NonFiniteLossError, check_finite, read_metrics


@pytest.fixture
def path(tmp_path) -> pathlib.Path:
    return tmp_path / "run" / "metrics.jsonl"


def test_round_trip(path):
    log = MetricsLog(path)
    assert read_metrics(path) == []
    log.write(np.int64(10), {"loss/generator": jnp.float32(0.1), "n": 3, "list": [1.5, np.pi]})
    MetricsLog(path).write(20, {"loss/generator": np.float64(1 / 3)})
    assert read_metrics(path) == [
        {"step": 10, "loss/generator": float(np.float32(0.1)), "n": 3, "list": [1.5, np.pi]},
        {"step": 20, "loss/generator": 1 / 3},
    ]
    assert all(line.startswith('{"step": ') for line in path.read_text().splitlines())


def test_not_finite_is_valid_json_and_comes_back(path):
    MetricsLog(path).write(1, {"a": float("nan"), "b": jnp.float32(-jnp.inf), "c": math.inf})

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    raw = json.loads(path.read_text(), parse_constant=refuse)
    assert raw == {"step": 1, "a": "NaN", "b": "-Infinity", "c": "Infinity"}
    (line,) = read_metrics(path)
    assert math.isnan(line["a"])
    assert (line["b"], line["c"]) == (-math.inf, math.inf)


def test_truncate_after_keeps_the_bytes_of_earlier_lines(path):
    log = MetricsLog(path)
    log.truncate_after(0)
    assert not path.exists()
    for step in (10, 20):
        log.write(step, {"x": step / 3})
    kept = path.read_bytes()
    log.write(30, {"x": 1.0})
    log.truncate_after(20)
    assert path.read_bytes() == kept
    log.write(30, {"x": 2.0})
    assert [line["x"] for line in read_metrics(path)] == [10 / 3, 20 / 3, 2.0]
    log.truncate_after(0)
    assert read_metrics(path) == []
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("torn", [b'{"step": 20, "x"', b'{"step": 20}', b"\xc3"])
def test_torn_last_line_is_nobodys(path, torn):
    log = MetricsLog(path)
    log.write(10, {"x": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert read_metrics(path) == [{"step": 10, "x": 1}]
    log.truncate_after(100)
    assert path.read_bytes() == whole
    path.write_bytes(whole + torn)
    log.write(30, {"x": 2})
    assert [line["step"] for line in read_metrics(path)] == [10, 30]


@pytest.mark.parametrize("bad", ["{oops}", "3"])
def test_damaged_line_in_the_middle_is_named(path, bad):
    path.parent.mkdir()
    path.write_text(f'{{"step": 1}}\n{bad}\n{{"step": 3}}\n')
    with pytest.raises(ValueError, match=r"metrics.jsonl: line 2 is not a JSON object"):
        read_metrics(path)
    with pytest.raises(ValueError, match="line 2"):
        MetricsLog(path).truncate_after(1)


def test_refused_write_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match=r"^could not write /dev/full: no space left on device$"):
        MetricsLog("/dev/full").write(1, {})


def test_half_written_line_is_taken_back(path):
    import resource

    log = MetricsLog(path)
    log.write(1, {"x": 1})
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, hard))
    try:
        with pytest.raises(OSError, match="file too large"):
            log.write(2, {"x": "long" * 10})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == whole


def test_step_is_not_a_metric(path):
    with pytest.raises(ValueError, match="named step"):
        MetricsLog(path).write(1, {"step": 2})


def test_check_finite():
    check_finite({"loss/generator": 1e38, "probability/real": np.float32(0)}, step=3)
    with pytest.raises(NonFiniteLossError) as caught:
        check_finite({"loss/critic": float("nan"), "loss/generator": 1.0, "gap": np.inf}, step=1234)
    message = str(caught.value)
    assert message.startswith("step 1234: the loss of critic is nan; try a lower learning rate")
    assert "generator" not in message
    assert "\n" not in message
    with pytest.raises(NonFiniteLossError, match="critic is inf and the loss of generator is -inf"):
        check_finite({"loss/critic": jnp.inf, "loss/generator": -np.inf}, step=1)
    with pytest.raises(NonFiniteLossError, match="step 2: penalty is nan; try"):
        check_finite({"loss/critic": 0.0, "penalty": jnp.float32(jnp.nan)}, step=2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", "step is missing"),
        ('{"step": "1"}', "step must be a whole number"),
        ('{"step": -1}', "step must be a whole number"),
        ('{"step": 1e3}', "step must be a whole number"),
        ('{"step": 1' + "0" * 5000 + "}", "more than 64 bits"),
        ('{"step": 1, "step": 2}', "the key 'step' is there twice"),
        ('{"step": 1, "x": NaN}', "NaN is no JSON"),
        ('{"step": 1, "x": 1e999}', "beyond the range"),
        ('{"step": 1, "x": {}}', "x must be .*, not a group of keys"),
        ('{"step": 1, "x": [[1]]}', r"x\[0\] must be"),
        ('{"step": 1, "x": ' + "[" * 100_000 + "}", "deeper"),
        ('{"step": 1, "x": "' + "x" * (1 << 20) + '"}', "longer than 1,048,576 bytes"),
        ("[1]", "must be a group of keys"),
    ],
    ids=lambda text: text[:20],
)
def test_a_line_that_is_none_of_ours_is_refused_by_its_number(path, line, message):
    MetricsLog(path).write(1, {"x": 1.0})
    with open(path, "a") as file:
        file.write(f'{line}\n{{"step": 3}}\n')
    for read in (read_metrics, lambda path: MetricsLog(path).truncate_after(1)):
        with pytest.raises(ValueError, match=rf"metrics\.jsonl: line 2 .*{message}") as refused:
            read(path)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 400
