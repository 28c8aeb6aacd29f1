"""What a step makes of its inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import data
from gan_jax.core import ArraySpec
from gan_jax.images import make_augment, normalize, shrink

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 6, 6, 3), np.uint8)
LABELS = np.arange(11, dtype=np.int32)
SPECS = {"data": {"image": ArraySpec((6, 6, 3)), "label": ArraySpec((), 11)}}
INDEX = np.array([[9, 10, 2], [4, 3, 1]], np.int32)
AUGMENT = {"flip": True, "crop_padding": 2, "rotation_degrees": 20.0}


def streamed(index=INDEX, **arrays):
    arrays = arrays or {"image": IMAGES, "label": LABELS}
    return {"arrays": {name: array[index] for name, array in arrays.items()}}


def test_images_are_gathered_and_normalized_and_labels_gathered():
    prepare = data.make_prepare(SPECS)
    resident = {"image": IMAGES.reshape(11, -1), "label": LABELS}
    one = prepare(jax.random.key(0), {"index": {"data": INDEX}}, jax.device_put(resident))
    other = prepare(jax.random.key(0), streamed(), None)
    for found in (one, other):
        assert found["image"].dtype == jnp.float32
        np.testing.assert_allclose(found["image"], IMAGES[INDEX] / 127.5 - 1.0, atol=1e-6)
        np.testing.assert_array_equal(found["label"], INDEX, strict=True)


def test_one_stream_is_augmented_as_in_earlier_versions():
    image = data.make_prepare(SPECS, **AUGMENT)(jax.random.key(3), streamed(), None)["image"]
    expected = [[-0.462840557, 0.171788007, -0.474984944], [-0.235838383, 0.41328153, -0.105798364]]
    np.testing.assert_allclose(image[:, :, 2, 3, 1], expected, atol=1e-6)
    assert float(image.mean()) == pytest.approx(-0.03089269, abs=1e-6)


def test_every_update_is_augmented_with_a_key_of_its_own():
    images = np.broadcast_to(IMAGES[:1], (2, 64, 6, 6, 3))
    inputs = {"arrays": {"image": images, "label": np.zeros((2, 64), np.int32)}}
    made = data.make_prepare(SPECS, flip=True)(jax.random.key(1), inputs, None)["image"]
    plain = data.make_prepare(SPECS)(jax.random.key(1), inputs, None)["image"]
    flipped = np.asarray((made != plain).any(axis=(2, 3, 4)))
    np.testing.assert_array_equal(
        np.where(flipped[..., None, None, None], plain[..., ::-1, :], plain), made
    )
    assert 0.2 < flipped.mean() < 0.8
    assert (flipped[0] != flipped[1]).any()


def test_pairs_are_augmented_alike():
    """A pair of an image and its own first channel is the same pair after augmentation."""
    specs = {"data": {"left": ArraySpec((6, 6, 3)), "right": ArraySpec((6, 6, 1))}}
    inputs = streamed(left=IMAGES, right=IMAGES[..., :1])
    plain = data.make_prepare(specs)(jax.random.key(2), inputs, None)
    found = data.make_prepare(specs, **AUGMENT)(jax.random.key(2), inputs, None)
    assert (np.abs(found["left"] - plain["left"]).max((2, 3, 4)) > 0.01).all()
    np.testing.assert_allclose(found["left"][..., :1], found["right"], atol=1e-6)


def test_streams_are_augmented_differently():
    specs = {name: {name: ArraySpec((6, 6, 3))} for name in ("a", "b")}
    inputs = streamed(np.zeros((1, 64), np.int32), a=IMAGES, b=IMAGES)
    found = data.make_prepare(specs, flip=True)(jax.random.key(0), inputs, None)
    same = np.asarray((found["a"] == found["b"]).all((2, 3, 4)))
    assert 0.2 < same.mean() < 0.8
    # The draws of a stream do not depend on which others there are.
    specs = {"data": specs["a"], "b": specs["b"]}
    again = data.make_prepare(specs, flip=True)(jax.random.key(0), inputs, None)
    np.testing.assert_array_equal(again["b"], found["b"])


def test_a_phase_makes_its_images_smaller_and_then_augments_them():
    prepare = data.make_prepare(SPECS, image_size=(3, 2), flip=True)
    found = prepare(jax.random.key(4), streamed(), None)["image"]
    assert found.shape == (2, 3, 3, 2, 3)
    small = shrink(normalize(IMAGES[INDEX[1]]), (3, 2))
    expected = make_augment(flip=True)(jax.random.split(jax.random.key(4), 2)[1], small)
    np.testing.assert_allclose(found[1], expected, atol=1e-6)


def test_labels_alone_are_a_stream_too():
    specs = {"data": {"label": ArraySpec((), 11)}}
    found = data.make_prepare(specs, flip=True)(jax.random.key(0), streamed(label=LABELS), None)
    np.testing.assert_array_equal(found["label"], INDEX)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (6, 7)}, r"images of 6x7 cannot be made of 'image', which has 6x6"),
        ({"crop_padding": 6}, r"crop_padding must be in 0\.\.5 for images of 6x6, is 6"),
        ({"image_size": (3, 6), "crop_padding": 3}, r"must be in 0\.\.2 for images of 3x6"),
        ({"crop_padding": -1}, "crop_padding must be"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        data.make_prepare(SPECS, **options)
