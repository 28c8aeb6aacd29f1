"""A data set: named arrays whose rows belong together."""

import json

import numpy as np
import pytest

from gan_jax import data
from gan_jax.core import ArraySpec

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), np.uint8)
LABELS = np.array([2, 0, 2, 2, 0, 0], np.int32)
NAMES = {"label": ("cat", "dog", "owl")}


def make(**options):
    return data.from_arrays(
        {"image": IMAGES, "label": LABELS}, **{"class_names": NAMES, "name": "pets", **options}
    )


def test_labeled_images():
    dataset = make(split="test")
    assert len(dataset) == 6
    assert dataset.specs == {"image": ArraySpec((4, 5, 3)), "label": ArraySpec((), 3)}
    assert dataset.present_classes("label") == (0, 2)
    assert dataset.present_classes("image") == dataset.present_classes("other") == ()
    described = dataset.describe()
    assert json.loads(json.dumps(described)) == described
    assert described == {
        "name": "pets",
        "split": "test",
        "size": 6,
        "identity": dataset.identity,
        "arrays": {
            "image": {"shape": [4, 5, 3], "num_classes": 0},
            "label": {"shape": [], "num_classes": 3},
        },
        "class_names": {"label": ["cat", "dog", "owl"]},
        "present_classes": {"label": [0, 2]},
        "class_counts": {"label": [3, 0, 3]},
    }


def test_images_without_labels():
    described = data.from_arrays({"image": IMAGES}).describe()
    assert described["arrays"] == {"image": {"shape": [4, 5, 3], "num_classes": 0}}
    assert described["class_names"] == described["present_classes"] == {}


def test_arrays_are_read_only_and_those_given_stay_writable():
    images = IMAGES.copy()
    dataset = data.from_arrays({"image": images})
    with pytest.raises(ValueError, match="read-only"):
        dataset.arrays["image"][0] = 0
    with pytest.raises(TypeError):
        dataset.arrays["image"] = images
    assert images.flags.writeable


def test_classes_without_names_are_called_by_number():
    assert make(class_names=None).class_names == {"label": ("0", "1", "2")}


def test_identity_is_of_the_contents():
    def identity(images=IMAGES, labels=LABELS, **options):
        return data.from_arrays({"image": images, "label": labels}, **options).identity

    same = {identity(), identity(name="x", split="y"), identity(IMAGES.copy(), class_names=NAMES)}
    # Of a view that is not contiguous, as of a contiguous copy.
    mirrored = IMAGES[:, ::-1]
    same |= {identity(mirrored[:, ::-1])}
    assert len(same) == 1
    (known,) = same
    assert int(known, 16)
    changed = IMAGES.copy()
    changed[5, 3, 4, 2] ^= 1
    others = [
        identity(changed),
        identity(IMAGES, LABELS[::-1]),
        identity(IMAGES[::-1], LABELS),
        identity(IMAGES[:5], LABELS[:5]),
        identity(IMAGES.reshape(6, 5, 4, 3)),
        data.from_arrays({"image": IMAGES}).identity,
        data.from_arrays({"left": IMAGES}).identity,
    ]
    assert len({known, *others}) == 1 + len(others)


def test_identity_does_not_depend_on_how_the_rows_are_cut():
    from gan_jax.data.dataset import ContentHash

    content = ContentHash()
    for part in (slice(0, 1), slice(1, 1), slice(1, 4), slice(4, 6)):
        content.update({"label": LABELS[part], "image": IMAGES[part]})
    assert content.hexdigest() == make().identity


@pytest.mark.parametrize(
    ("arrays", "names", "message"),
    [
        ({}, {}, "at least one array"),
        ({"image": IMAGES, "label": LABELS[:5]}, NAMES, "lengths are {'image': 6, 'label': 5}"),
        (
            {"image": IMAGES.astype(np.float32)},
            {},
            r"'image' is float32 \[6, 4, 5, 3\]: images are",
        ),
        ({"image": IMAGES[0]}, {}, r"'image' is uint8 \[4, 5, 3\]"),
        ({"label": LABELS.astype(np.int64)}, NAMES, r"'label' is int64 \[6\]"),
        ({"image": IMAGES}, NAMES, r"labels \[\], but names of the classes of \['label'\]"),
        ({"label": LABELS}, {"label": ("a", "b")}, "labels from 0 to 2, but there are 2 classes"),
        ({"label": LABELS - 1}, NAMES, "labels from -1 to 1"),
    ],
)
def test_arrays_that_are_no_data_set(arrays, names, message):
    with pytest.raises(ValueError, match=message):
        data.from_arrays(arrays, class_names=names)
    with pytest.raises(ValueError, match=message):
        data.Dataset(arrays, names, "x", "train", "0")
