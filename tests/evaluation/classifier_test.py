"""A classifier that is trained on images: it learns, is an extractor, and says what it cannot."""

import numpy as np
import pytest

from gan_jax.evaluation import classify, train_classifier


def halves(count, seed):
    """Images of 4x4: the upper half is bright of class 0, the lower one of class 1."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 90, (count, 4, 4, 1)), rng.integers(0, 2, count)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 160
    return images.astype(np.uint8), labels


@pytest.fixture(scope="module")
def trained():
    return train_classifier(*halves(256, 0), num_classes=2, steps=80, batch_size=32, width=8)


def test_it_learns_the_classes_of_images_that_it_has_not_seen(trained):
    images, labels = halves(100, 1)
    found = classify(trained, [images[:30], images[30:]])
    assert np.mean(found == labels) > 0.95
    assert trained.num_logits == 2
    assert len(trained.weights_sha256) == 64


def test_images_of_another_size_are_refused(trained):
    with pytest.raises(ValueError, match=r"images of \(4, 4\), not \(5, 5\)"):
        classify(trained, [np.zeros((2, 5, 5, 1), np.uint8)])
    with pytest.raises(ValueError, match="no images to classify"):
        classify(trained, [])
