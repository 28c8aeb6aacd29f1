"""Which scores are comparable, which is best, and what is said of the last."""

import dataclasses
import math

import pytest

from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.score_protocols import Protocol, protocol_of
from gan_jax.modes.report.scores import (
    Point,
    Series,
    numbers_of,
    parse_key,
    series_of,
    title_of,
    verdict,
)

PROTOCOL = Protocol("", "")
CONFIG = {
    "data": {"name": "cifar10", "split": "train"},
    "evaluate": {"every": 100, "num_images": 10_000, "num_real": 0, "extractor": "inception"},
}


def make_run(path, *, lines=(), evaluations=(), config=CONFIG, info=None):
    info = {"image_shape": [32, 32, 3]} if info is None else info
    return Run(path, "run", config, info, list(lines), list(evaluations), None, [], ())


def evaluation(step, protocol, **found):
    return {"step": step, "scores": found, "protocol": {**protocol, "step": step}}


@pytest.mark.parametrize(
    ("key", "parsed", "title"),
    [
        ("fid", ("fid", "inception", ""), "FID"),
        (
            "fid_efficientnet_lite0",
            ("fid", "efficientnet_lite0", ""),
            "FID (EfficientNet-Lite0)",
        ),
        ("inception_score", ("inception_score", "inception", ""), "Inception Score"),
        ("inception_score_std", ("inception_score", "inception", "std"), None),
        (
            "kid_standard_error_efficientnet_lite0",
            ("kid", "efficientnet_lite0", "standard_error"),
            None,
        ),
        ("fidelity", ("fidelity", "", ""), "fidelity"),
    ],
)
def test_a_key_is_taken_apart(key, parsed, title):
    assert parse_key(key) == parsed
    if title is not None:
        assert title_of(key) == title


def test_a_score_carries_its_spread_and_skips_what_is_not_finite(tmp_path):
    run = make_run(
        tmp_path,
        evaluations=[
            evaluation(1, {}, kid=0.5, kid_standard_error=0.1),
            evaluation(2, {}, kid=math.nan, kid_standard_error=0.1),
            evaluation(3, {}, kid=0.25),
        ],
    )
    (series,) = series_of(run)
    assert series.points == (Point(1, 0.5, 0.1), Point(3, 0.25, 0.0))


def test_protocols_are_kept_apart_and_steps_are_not(tmp_path):
    run = make_run(
        tmp_path,
        lines=[{"step": 1, "score/fid": 9.0}, {"step": 2, "loss/x": 1.0}],
        evaluations=[
            evaluation(1, {"fake_count": 10}, fid=3.0),
            evaluation(2, {"fake_count": 10}, fid=2.0),
            evaluation(2, {"fake_count": 20}, fid=1.0),
        ],
    )
    found = series_of(run)
    assert [[point.value for point in one.points] for one in found] == [[3.0, 2.0], [9.0], [1.0]]
    assert found[0].protocol.line == "fake_count 10"
    assert found[1].protocol.line == (
        "measured while training: 10,000 generated against all real images of cifar10 train; "
        "32x32x3; Inception-v3 2015-12-05; raw generator weights (as config.json has it now)"
    )
    assert len({one.protocol for one in found}) == 3
    # Another run with the same protocol is comparable.
    again = series_of(make_run(tmp_path, evaluations=[evaluation(7, {"fake_count": 10}, fid=1.0)]))
    assert again[0].protocol == found[0].protocol


def test_lines_of_the_log_are_joined_by_the_name_of_their_protocol(tmp_path):
    one, other = "0123456789abcdef", "fedcba9876543210"
    lines = [
        {"step": 1, "score/fid": 9.0, "score_protocol": one},
        {"step": 2, "score/fid": 8.0, "score_protocol": other},
        {"step": 3, "score/fid": 7.0, "score_protocol": one},
        {"step": 4, "score/fid": 6.0},
    ]
    found = series_of(make_run(tmp_path, lines=lines))
    assert [[point.step for point in series.points] for series in found] == [[1, 3], [2], [4]]
    assert [other in series.protocol.line for series in found] == [False, True, False]
    assert len(numbers_of(found)) == 3
    # The same name is the same protocol, whatever the configs have come to say since.
    changed = CONFIG | {"evaluate": {"num_images": 7}, "ema_decay": 0.5}
    again = series_of(make_run(tmp_path, lines=lines[:1], config=changed))
    assert len(numbers_of([found[0], *again])) == 1


@pytest.mark.parametrize(
    ("config", "info"),
    [
        ({}, {"image_shape": [64, 64, 3]}),
        ({}, {"image_shape": [32, 32, 3], "present_classes": [1]}),
        ({"data": CONFIG["data"] | {"image_size": 64}}, None),
        ({"data": CONFIG["data"] | {"classes": ["cat"]}}, None),
        ({"ema_decay": 0.999}, None),
        ({"precision": "bfloat16"}, None),
    ],
)
def test_runs_on_other_images_or_weights_are_not_comparable_by_their_logs(tmp_path, config, info):
    line = {"step": 1, "score/fid": 9.0}
    own = series_of(make_run(tmp_path, lines=[line]))
    other = series_of(make_run(tmp_path, lines=[line], config=CONFIG | config, info=info))
    assert len(numbers_of([*own, *own])) == 1
    assert len(numbers_of([*own, *other])) == 2


def test_a_line_whose_scores_were_kept_with_their_protocol_adds_nothing(tmp_path):
    run = make_run(
        tmp_path,
        lines=[{"step": 1, "score/fid": 9.0, "score_protocol": "0123456789abcdef"}],
        evaluations=[evaluation(1, {"fake_count": 10}, fid=9.0)],
    )
    (series,) = series_of(run)
    assert series.protocol.line == "fake_count 10"


def test_of_several_uncertainties_the_standard_error_is_shown(tmp_path):
    for found in (
        {"kid": 0.5, "kid_std": 0.3, "kid_standard_error": 0.1},
        {"kid": 0.5, "kid_standard_error": 0.1, "kid_std": 0.3},
    ):
        (series,) = series_of(make_run(tmp_path, evaluations=[evaluation(1, {}, **found)]))
        assert series.points == (Point(1, 0.5, 0.1),)


def test_the_score_that_says_most_comes_first(tmp_path):
    run = make_run(
        tmp_path,
        lines=[{"step": step, "score/precision": 0.5, "score/own": 1.0} for step in (1, 2, 3)],
        evaluations=[evaluation(1, {}, fid_efficientnet_lite0=3.0, kid=1.0)],
    )
    assert [one.key for one in series_of(run)] == [
        "fid_efficientnet_lite0",
        "kid",
        "precision",
        "own",
    ]


@pytest.mark.parametrize(("metric", "best"), [("fid", 2), ("inception_score", 3), ("own", None)])
def test_what_is_better_depends_on_the_metric(metric, best):
    points = (Point(1, 5.0), Point(2, 1.0), Point(3, 6.0), Point(4, 6.0))
    series = Series(metric, metric, PROTOCOL, points)
    assert (series.best.step if series.best else None) == best


def test_the_verdict_on_the_last_score():
    series = Series("fid", "fid", PROTOCOL, (Point(1, 5.0), Point(2, 4.0), Point(3, 5.0)))
    assert verdict(series) == "best at step 2, and worse by 25 % at step 3."
    good = dataclasses.replace(series, points=series.points[:2])
    assert verdict(good) == "the last score is the best."
    level = dataclasses.replace(series, points=(Point(1, 4.0), Point(2, 5.0), Point(3, 4.0)))
    assert verdict(level) == "the last score is the best."
    assert "no telling" in verdict(dataclasses.replace(series, points=series.points[:1]))
    # An estimate of KID can be below zero, and no share of that means anything.
    negative = Series("kid", "kid", PROTOCOL, (Point(1, -0.5), Point(2, 0.5)))
    assert verdict(negative) == "best at step 1, and worse by 1 at step 2."


def test_a_protocol_of_this_version_is_written_as_evaluation_writes_it():
    protocol = {
        "data": "cifar10",
        "split": "test",
        "classes": list(range(10)),
        "real_count": 10_000,
        "real_shape": [32, 32, 3],
        "fake_count": 5_000,
        "extractor": "inception",
        "extractor_title": "Inception-v3 2015-12-05",
        "resize": "TF1 bilinear to 299",
        "weights_sha256": "6726825d0af5f729",
        "generator_weights": "averaged",
        "precision": "float32",
        "truncation": 0.0,
        "seed": 0,
    }
    line = protocol_of(protocol | {"step": 400}, "fid").line
    assert "5,000 generated against 10,000 real images" in line
    assert "cifar10 test" in line
    assert "TF1 bilinear to 299" in line
    assert "400" not in line


def test_the_settings_of_one_metric_do_not_part_the_scores_of_another(tmp_path):
    run = make_run(
        tmp_path,
        evaluations=[
            evaluation(1, {"seed": 0, "kid_subsets": 10}, fid=3.0, kid=1.0),
            evaluation(2, {"seed": 0, "kid_subsets": 20, "family": "x"}, fid=2.0, kid=2.0),
            evaluation(3, {"seed": 0}, fid=1.0),
        ],
    )
    found = series_of(run)
    assert [(one.key, len(one.points), one.protocol.settings) for one in found] == [
        ("fid", 3, ""),
        ("kid", 1, "kid subsets 10"),
        ("kid", 1, "kid subsets 20"),
    ]
    assert list(numbers_of(found).values()) == [1]
