"""Which scores are comparable, which is best, and what is said of the last."""

import dataclasses
import math

import numpy as np
import pytest

from gan_jax.core import Category, Normal, Sampler
from gan_jax.evaluation import Reference
from gan_jax.evaluation.protocols import samples_protocol
from gan_jax.metrics import moments
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
from gan_jax.runs.workdir import DataInfo

PROTOCOL = Protocol("", "")
NAME, OTHER = "0123456789abcdef", "fedcba9876543210"
CONFIG = {
    "evaluate": {"every": 100, "num_images": 10_000, "num_real": 0, "extractor": "inception"},
}
INFO = DataInfo({"data": {"name": "cifar10", "split": "train"}})


def make_run(path, *, lines=(), evaluations=(), config=CONFIG):
    return Run(path, "run", config, INFO, list(lines), list(evaluations), None, {}, ())


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
        lines=[
            {"step": 1, "score/fid": 9.0, "score_protocol": NAME},
            {"step": 2, "loss/x": 1.0},
        ],
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
        f"measured while training, protocol {NAME}: 10,000 generated against all real images of "
        "cifar10 train; Inception-v3 2015-12-05 (as config.json has it now)"
    )
    assert len({one.protocol for one in found}) == 3
    # Another run with the same protocol is comparable.
    again = series_of(make_run(tmp_path, evaluations=[evaluation(7, {"fake_count": 10}, fid=1.0)]))
    assert again[0].protocol == found[0].protocol


def test_lines_of_the_log_are_joined_by_the_name_of_their_protocol(tmp_path):
    lines = [
        {"step": 1, "score/fid": 9.0, "score_protocol": NAME},
        {"step": 2, "score/fid": 8.0, "score_protocol": OTHER},
        {"step": 3, "score/fid": 7.0, "score_protocol": NAME},
    ]
    found = series_of(make_run(tmp_path, lines=lines))
    assert [[point.step for point in series.points] for series in found] == [[1, 3], [2]]
    assert [OTHER in series.protocol.line for series in found] == [False, True]
    assert len(numbers_of(found)) == 2
    # The same name is the same protocol, whatever the configs have come to say since.
    changed = CONFIG | {"evaluate": {"num_images": 7}}
    again = series_of(make_run(tmp_path, lines=lines[:1], config=changed))
    assert len(numbers_of([found[0], *again])) == 1


@pytest.mark.parametrize("name", [{}, {"score_protocol": None}, {"score_protocol": 7}])
def test_a_score_without_a_protocol_is_compared_with_nothing(tmp_path, name):
    assert series_of(make_run(tmp_path, lines=[{"step": 1, "score/fid": 9.0, **name}])) == []


def test_a_line_whose_scores_were_kept_with_their_protocol_adds_nothing(tmp_path):
    run = make_run(
        tmp_path,
        lines=[{"step": 1, "score/fid": 9.0, "score_protocol": NAME}],
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
        lines=[
            {"step": step, "score/precision": 0.5, "score/own": 1.0, "score_protocol": NAME}
            for step in (1, 2, 3)
        ],
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


@pytest.fixture
def whole_protocol():
    """What an evaluation keeps of the protocol of a run's samples."""
    reference = Reference(
        moments(np.zeros((2, 3), np.float32)),
        None,
        {
            "data": "cifar10",
            "split": "test",
            "array": "image",
            "classes": {"label": ["cat", "dog"]},
            "num_classes": {"label": 2},
            "real_count": 10_000,
            "real_shape": [32, 32, 3],
            "real_identity": "0" * 64,
            "extractor": "inception",
            "extractor_title": "Inception-v3 2015-12-05",
            "resize": "TF1 bilinear to 299",
            "weights_sha256": "6726825d0af5f729",
        },
    )
    sampler = Sampler(
        {"z": Normal((4,)), "label": Category(2, labels="label")},
        None,
        (),
        options={"truncation": None},
    )
    return samples_protocol(
        reference,
        sampler,
        ("fid",),
        family="first",
        sampler_name="image",
        image_shape=(32, 32, 3),
        sources={},
        precision="float32",
        count=5_000,
        seed=0,
        options={},
        averaged=True,
    )


def test_a_protocol_is_written_as_evaluation_writes_it(whole_protocol):
    line = protocol_of(whole_protocol | {"step": 400}, "fid", several_samplers=False).line
    assert "5,000 generated against 10,000 real images" in line
    assert "cifar10 test" in line
    assert "TF1 bilinear to 299" in line
    assert "averaged weights, seed 0" in line
    assert "400" not in line


def test_scores_of_other_games_on_the_same_images_are_comparable(tmp_path, whole_protocol):
    other = {"family": "second", "sampler": "a_to_b", "options": {}, "categories": {}}
    runs = [
        make_run(tmp_path, evaluations=[evaluation(1, whole_protocol | change, fid=3.0)])
        for change in ({}, other, {"options": {"truncation": 0.5}}, {"array": "right"})
    ]
    (own,), (same,), (truncated,), (another,) = map(series_of, runs)
    assert own.protocol == same.protocol
    assert "truncation 0.5" in truncated.protocol.line
    assert "(right)" in another.protocol.line
    assert len(numbers_of([own, same, truncated, another])) == 3


def test_samplers_of_one_run_are_kept_apart(tmp_path, whole_protocol):
    first, second = whole_protocol, whole_protocol | {"sampler": "second"}
    found = [evaluation(1, first, fid=3.0), evaluation(1, second, fid=2.0)]
    series = series_of(make_run(tmp_path, evaluations=found))
    assert sorted(one.points[0].value for one in series) == [2.0, 3.0]
    assert {one.protocol.line.rpartition("; ")[2] for one in series} == {
        "sampler image",
        "sampler second",
    }
    # Compared with other images, nothing else is needed to tell them apart.
    found[1]["protocol"]["array"] = "right"
    series = series_of(make_run(tmp_path, evaluations=found))
    assert not any("sampler" in one.protocol.line for one in series)


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
