import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.metrics.extractor import (
    EXTRACTOR_TITLES,
    EXTRACTORS,
    Extractor,
    make_extractor,
    metric_key,
    metric_title,
)


def test_an_extractor_is_a_function_of_images():
    def apply(params, images):
        flat = jnp.asarray(images, jnp.float32).reshape(images.shape[0], -1)
        return flat * params["scale"], flat[:, :2]

    own = Extractor("own", "Own", 2, "none", 12, 2, "", {"scale": jnp.float32(2)}, apply)
    images = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    features, logits = own(images)
    np.testing.assert_array_equal(features, 2.0 * images.reshape(2, -1))
    np.testing.assert_array_equal(logits, images.reshape(2, -1)[:, :2])


def test_every_extractor_has_a_title():
    assert EXTRACTOR_TITLES.keys() == EXTRACTORS.keys()


def test_an_unknown_extractor_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="'inceptionv3': did you mean 'inception'") as caught:
        make_extractor("inceptionv3")
    assert "\n" not in str(caught.value)


def test_a_bare_name_means_inception():
    assert metric_key("fid", "inception") == "fid"
    assert metric_key("fid", "efficientnet_lite0") == "fid_efficientnet_lite0"
    assert metric_title("fid", "inception") == "FID"
    assert metric_title("fid", "efficientnet_lite0") == "FID (EfficientNet-Lite0)"
    assert metric_title("inception_score", "own") == "Inception Score (own)"


def test_an_unknown_metric_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'fid'"):
        metric_title("fidd", "inception")
