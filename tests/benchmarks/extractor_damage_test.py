"""What the benchmark of extractors does to images, and what it concludes."""

import numpy as np
import pytest

from tests.benchmarks.scripts import importable

with importable():
    import extractor_damage


def _scores(*rows):
    return {
        name: [{"strength": float(i), "score": score} for i, score in enumerate(row)]
        for name, row in zip(("blur", "noise", "one class"), rows, strict=False)
    }


@pytest.mark.parametrize(
    ("rows", "grows", "passes"),
    [
        (((2.0, 5.0), (4.0, 6.0)), True, True),
        (((2.0, 5.0), (6.0, 5.5)), False, False),
        (((0.5, 5.0), (4.0, 6.0)), False, False),
        (((2.0, 4.9), (4.0, 6.0)), True, False),
    ],
)
def test_the_verdict_wants_growth_from_the_undamaged_on_and_a_distance(rows, grows, passes):
    found = extractor_damage.verdict(1.0, _scores(*rows))
    assert (found["grows"], found["passes"]) == (grows, passes)
    assert found["strongest_over_undamaged"]["blur"] == rows[0][-1]


def test_blur_keeps_the_mean_and_every_channel_to_itself():
    images = np.zeros((2, 9, 9, 3), np.uint8)
    images[0, 4, 4, 1] = 250
    blurred = extractor_damage.blur(images, 1.0)
    assert blurred.dtype == np.uint8
    assert not blurred[1].any()
    assert not blurred[0, :, :, [0, 2]].any()
    # The Gaussian's height at its middle is 1 / (2 pi) for a deviation of one pixel.
    assert blurred[0, 4, 4, 1] == pytest.approx(250 / (2 * np.pi), abs=1.5)
    assert blurred[0, 4, 4, 1] > blurred[0, 4, 5, 1] == blurred[0, 3, 4, 1] > 0


def test_noise_has_the_deviation_asked_for_and_stays_within_a_byte():
    images = np.full((4, 32, 32, 3), 128, np.uint8)
    noisy = extractor_damage.add_noise(images, 16.0, seed=0)
    assert noisy.dtype == np.uint8
    assert noisy.std() == pytest.approx(16, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=1)
    np.testing.assert_array_equal(noisy, extractor_damage.add_noise(images, 16.0, seed=0))
    dark = extractor_damage.add_noise(np.zeros_like(images), 16.0, seed=0)
    assert dark.mean() == pytest.approx(16 / np.sqrt(2 * np.pi), rel=0.05)


def test_a_share_of_the_rows_is_of_one_class():
    features, of_one_class = np.zeros((8, 2)), np.ones((8, 2))
    mixed = extractor_damage.mix(features, of_one_class, 0.25)
    assert mixed.shape == features.shape
    assert mixed[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(extractor_damage.mix(features, of_one_class, 1.0), of_one_class)


def test_recognition_counts_related_classes():
    # A beagle, a tabby, a beagle and an airliner, seen in a dog, a cat, a cat and a dog.
    logits = np.zeros((4, 1000))
    logits[range(4), [162, 281, 162, 404]] = 1
    found = extractor_damage.recognition(logits, np.asarray([1, 0, 0, 1]), ("cat", "dog"))
    assert found == {"cat": {"own": 0.5, "others": 0.0}, "dog": {"own": 0.5, "others": 0.5}}


def test_no_class_of_imagenet_is_related_to_two_but_the_pickups_and_minivans():
    counts = np.bincount(
        np.concatenate([list(numbers) for numbers in extractor_damage.RELATED.values()])
    )
    assert counts.max() == 2
    assert np.flatnonzero(counts == 2).tolist() == [656, 717]
    assert len(counts) <= 1000
