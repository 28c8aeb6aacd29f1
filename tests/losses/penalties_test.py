"""Gradient penalties against closed forms and, for their own gradients, finite differences."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

RANDOM = np.random.RandomState(0)
WEIGHTS = np.array([3.0, 4.0])  # norm 5
REAL = RANDOM.normal(size=(6, 2)).astype(np.float32)
FAKE = RANDOM.normal(size=(6, 2)).astype(np.float32)
ALPHA = np.array([0.0, 0.125, 0.25, 0.5, 0.75, 1.0], np.float32)
NOISE = RANDOM.uniform(size=(6, 2)).astype(np.float32)


def linear(points):
    return points @ jnp.asarray(WEIGHTS, points.dtype)


def quadratic(points):
    return 0.5 * jnp.sum(jnp.square(points), axis=tuple(range(1, points.ndim)))


def norms(points):
    return np.sqrt((points.astype(np.float64) ** 2).reshape(len(points), -1).sum(axis=1))


# Each penalty as a function of the critic alone, to test what all have in common.
PENALTIES = {
    "interpolated": lambda critic, real=REAL: losses.interpolated_gradient_penalty(
        critic, real, jnp.asarray(FAKE, real.dtype), alpha=ALPHA
    ),
    "r1": lambda critic, real=REAL: losses.r1_penalty(critic, real),
    "r2": lambda critic, real=REAL: losses.r2_penalty(critic, real),
    "dragan": lambda critic, real=REAL: losses.dragan_penalty(
        critic, real, noise=NOISE, alpha=ALPHA
    ),
}
EACH = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


@pytest.mark.parametrize(
    ("scale", "target", "one_sided", "expected"),
    [
        (1.0, 1.0, False, 16.0),
        (1.0, 1.0, True, 16.0),
        (1.0, 0.0, False, 25.0),
        (1.0, 0.0, True, 25.0),
        (0.1, 1.0, False, 0.25),
        (0.1, 1.0, True, 0.0),
        (0.1, 0.0, False, 0.25),
        (0.0, 1.0, False, 1.0),
        (0.0, 1.0, True, 0.0),
        (0.0, 0.0, False, 0.0),
        (1.0, 7.0, False, 4.0),
    ],
)
def test_linear_critic(scale, target, one_sided, expected):
    options = {"target": target, "one_sided": one_sided}

    def critic(points):
        return scale * linear(points)

    interpolated = losses.interpolated_gradient_penalty(critic, REAL, FAKE, alpha=ALPHA, **options)
    dragan = losses.dragan_penalty(critic, REAL, noise=NOISE, alpha=ALPHA, **options)
    np.testing.assert_allclose(interpolated, expected, rtol=1e-6)
    np.testing.assert_allclose(dragan, expected, rtol=1e-6)
    np.testing.assert_allclose(losses.r1_penalty(critic, REAL), 12.5 * scale**2, rtol=1e-6)
    np.testing.assert_allclose(losses.r2_penalty(critic, FAKE), 12.5 * scale**2, rtol=1e-6)


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("shape", [(2,), (3, 3, 2)])
def test_quadratic_critic_whose_gradient_is_the_point_itself(target, one_sided, shape):
    real, fake = RANDOM.normal(size=(2, 6, *shape)).astype(np.float32) * 0.5
    noise = RANDOM.uniform(size=real.shape).astype(np.float32)
    alpha = ALPHA.astype(np.float64).reshape(-1, *[1] * len(shape))

    def expected(points):
        excess = norms(points) - target
        return np.mean((np.maximum(excess, 0) if one_sided else excess) ** 2)

    options = {"target": target, "one_sided": one_sided}
    np.testing.assert_allclose(
        losses.interpolated_gradient_penalty(quadratic, real, fake, alpha=ALPHA, **options),
        expected(real + alpha * (fake.astype(np.float64) - real)),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        losses.dragan_penalty(quadratic, real, noise=noise, alpha=ALPHA, **options),
        expected(real + alpha * 0.5 * np.std(real.astype(np.float64)) * noise),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        losses.r1_penalty(quadratic, real), np.mean(norms(real) ** 2) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.r2_penalty(quadratic, fake), np.mean(norms(fake) ** 2) / 2, rtol=1e-6
    )


def test_interpolate():
    with jax.enable_x64(True):
        points = losses.interpolate(np.float64(REAL), np.float64(FAKE), ALPHA)
        assert points.dtype == jnp.float64
    expected = [(1 - a) * r + a * f for r, f, a in zip(REAL, FAKE, np.float64(ALPHA), strict=True)]
    np.testing.assert_allclose(points, expected, rtol=1e-6)
    np.testing.assert_array_equal(losses.interpolate(REAL, FAKE, np.zeros(6, np.float32)), REAL)
    images = losses.interpolate(
        jnp.zeros((2, 3, 3, 1)), jnp.ones((2, 3, 3, 1)), jnp.array([0, 0.5])
    )
    np.testing.assert_array_equal(images[0], np.zeros((3, 3, 1)))
    np.testing.assert_array_equal(images[1], np.full((3, 3, 1), 0.5))


@EACH
def test_outputs_of_every_permitted_shape(penalty):
    expected = penalty(linear)
    np.testing.assert_allclose(penalty(lambda x: linear(x)[:, None]), expected, rtol=1e-6)
    # Two patches per sample, each from half of the critic: the sum is what counts.
    patches = jnp.array([[1.0, 2.0], [2.0, 2.0]])
    np.testing.assert_allclose(
        penalty(lambda x: (x @ patches)[:, None, :, None]), expected, rtol=1e-6
    )


def test_patch_critic_on_images():
    weights = RANDOM.normal(size=(1, 4, 4, 1)).astype(np.float32)
    images = RANDOM.normal(size=(5, 4, 4, 1)).astype(np.float32)
    squared_norm = np.sum(np.float64(weights) ** 2)

    def critic(x):
        return x * weights

    np.testing.assert_allclose(losses.r1_penalty(critic, images), squared_norm / 2, rtol=1e-6)
    np.testing.assert_allclose(
        losses.interpolated_gradient_penalty(critic, images, images[::-1], alpha=ALPHA[:5]),
        (math.sqrt(squared_norm) - 1) ** 2,
        rtol=1e-6,
    )


def tanh_critic(params):
    kernel, head = params
    return lambda points: jnp.tanh(points @ kernel) @ head


def tanh_critic_gradient(params, points):
    """Its gradient in numpy, by hand: d/dx [head . tanh(x kernel)] [B, 2]."""
    kernel, head = params
    return ((1 - np.tanh(points @ kernel) ** 2) * head) @ kernel.T


def squared_excess(gradients, target=1.0, one_sided=False):
    excess = np.linalg.norm(gradients, axis=1) - target
    return np.mean((np.maximum(excess, 0) if one_sided else excess) ** 2)


def half_mean_square(gradients):
    return np.mean(np.sum(gradients**2, axis=1)) / 2


@pytest.mark.parametrize(
    ("penalty", "points", "reference"),
    [
        (
            lambda c, r, f, n, a: losses.interpolated_gradient_penalty(c, r, f, alpha=a),
            lambda r, f, n, a: r + a * (f - r),
            squared_excess,
        ),
        (
            lambda c, r, f, n, a: losses.interpolated_gradient_penalty(
                c, r, f, alpha=a, one_sided=True
            ),
            lambda r, f, n, a: r + a * (f - r),
            lambda g: squared_excess(g, one_sided=True),
        ),
        (
            lambda c, r, f, n, a: losses.interpolated_gradient_penalty(c, r, f, alpha=a, target=0),
            lambda r, f, n, a: r + a * (f - r),
            lambda g: squared_excess(g, target=0),
        ),
        (lambda c, r, f, n, a: losses.r1_penalty(c, r), lambda r, f, n, a: r, half_mean_square),
        (lambda c, r, f, n, a: losses.r2_penalty(c, f), lambda r, f, n, a: f, half_mean_square),
        (
            lambda c, r, f, n, a: losses.dragan_penalty(c, r, noise=n, alpha=a),
            lambda r, f, n, a: r + a * 0.5 * np.std(r) * n,
            squared_excess,
        ),
    ],
    ids=["interpolated", "one_sided", "target_0", "r1", "r2", "dragan"],
)
def test_gradient_in_the_critics_parameters_equals_finite_differences(penalty, points, reference):
    random = np.random.RandomState(1)
    params = [random.normal(size=(2, 3)), random.normal(size=3)]
    arrays = [np.float64(x) for x in (REAL, FAKE, NOISE)]
    where = points(*arrays, np.float64(ALPHA)[:, None])

    with jax.enable_x64(True):

        def value(params):
            return penalty(tanh_critic(params), *arrays, np.float64(ALPHA))

        result, gradients = jax.jit(jax.value_and_grad(value))(params)
        assert result.dtype == jnp.float64
    np.testing.assert_allclose(result, reference(tanh_critic_gradient(params, where)), rtol=1e-12)
    step = 1e-6
    for leaf, gradient in zip(params, gradients, strict=True):
        for index in np.ndindex(leaf.shape):
            original = leaf[index]
            leaf[index] = original + step
            up = reference(tanh_critic_gradient(params, where))
            leaf[index] = original - step
            down = reference(tanh_critic_gradient(params, where))
            leaf[index] = original
            np.testing.assert_allclose(
                gradient[index], (up - down) / (2 * step), rtol=1e-6, atol=1e-9
            )


@EACH
def test_gradient_is_finite_where_the_critic_is_flat(penalty):
    gradient = jax.grad(lambda w: penalty(lambda x: x @ w))(jnp.zeros(2))
    np.testing.assert_array_equal(gradient, np.zeros(2))


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_flat_sample_leaves_the_others_gradient_as_it_is(target):
    real = jnp.array([[1.0, 1.0], [-1.0, -1.0]])  # the second is behind the ReLU

    def value(weights, samples):
        return losses.interpolated_gradient_penalty(
            lambda x: jax.nn.relu(x @ weights),
            samples,
            samples,
            alpha=jnp.zeros(len(samples)),
            target=target,
        )

    weights = jnp.asarray(WEIGHTS)
    np.testing.assert_allclose(value(weights, real), ((5 - target) ** 2 + target**2) / 2, rtol=1e-6)
    both, alone = jax.grad(value)(weights, real), jax.grad(value)(weights, real[:1])
    np.testing.assert_allclose(both, alone / 2, rtol=1e-6)
    np.testing.assert_allclose(alone, 2 * (5 - target) * WEIGHTS / 5, rtol=1e-6)


@EACH
@pytest.mark.parametrize("size", [1e-22, 1e-16, 1e16])
def test_value_and_gradient_are_finite_for_gradients_of_any_size(penalty, size):
    value, gradient = jax.value_and_grad(lambda w: penalty(lambda x: x @ w))(
        size * jnp.asarray(WEIGHTS)
    )
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(gradient))


@EACH
def test_half_precision_samples_and_logits_are_handled_in_float32(penalty):
    seen = []

    def critic(points):
        seen.append(points.dtype)
        return linear(points).astype(jnp.bfloat16)

    result = penalty(critic, jnp.asarray(REAL, jnp.bfloat16))
    assert result.dtype == jnp.float32
    assert set(seen) == {jnp.dtype(jnp.float32)}
    half = jnp.asarray(REAL, jnp.bfloat16)
    exact = penalty(quadratic, half)
    np.testing.assert_allclose(exact, penalty(quadratic, half.astype(jnp.float32)), rtol=2e-2)
    assert losses.interpolate(half, half, ALPHA).dtype == jnp.float32


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_norms_of_half_precision_samples_lose_nothing(name):
    half = jnp.asarray(REAL, jnp.bfloat16)
    np.testing.assert_allclose(
        PENALTIES[name](quadratic, half), np.mean(norms(np.asarray(half)) ** 2) / 2, rtol=1e-6
    )


def test_float32_samples_stay_float32_under_x64():
    with jax.enable_x64(True):
        for penalty in PENALTIES.values():
            assert penalty(linear).dtype == jnp.float32
        key = jax.random.key(0)
        penalty = losses.interpolated_gradient_penalty(linear, REAL, FAKE, key=key)
        assert penalty.dtype == jnp.float32


def test_key_draws_one_weight_a_sample_from_the_unit_interval():
    zeros, ones = jnp.zeros((4096, 2)), jnp.ones((4096, 2))
    squares = losses.interpolated_gradient_penalty(
        quadratic, zeros, ones, key=jax.random.key(1), target=0
    )
    np.testing.assert_allclose(squares, 2 / 3, rtol=0.05)  # 2 E[alpha^2]
    across = losses.interpolated_gradient_penalty(
        lambda x: quadratic(x[:, :1] - x[:, 1:]), zeros, ones, key=jax.random.key(1), target=0
    )
    assert across == 0
    again, other = (
        losses.interpolated_gradient_penalty(
            quadratic, zeros, ones, key=jax.random.key(seed), target=0
        )
        for seed in (1, 2)
    )
    assert squares == again
    assert squares != other


def test_dragan_key_draws_uniform_noise_of_the_documented_size():
    real = jnp.asarray(np.random.RandomState(3).normal(size=(4096, 3)) * 2.0, jnp.float32)
    value = losses.dragan_penalty(
        lambda x: quadratic(x - real), real, key=jax.random.key(1), target=0
    )
    # E||alpha s u||^2 = 3 E[alpha^2] s^2 E[u^2] with s = 0.5 * 2
    np.testing.assert_allclose(value, 3 * (1 / 3) * 1.0 * (1 / 3), rtol=0.06)
    wider = losses.dragan_penalty(
        lambda x: quadratic(x - real), real, key=jax.random.key(1), target=0, noise_scale=1.0
    )
    np.testing.assert_allclose(wider, 4 * value, rtol=1e-4)
    still = losses.dragan_penalty(
        lambda x: quadratic(x - real), real, key=jax.random.key(1), target=0, noise_scale=0.0
    )
    assert still == 0


def test_batch_normalization_in_the_critic_hides_each_samples_gradient():
    """What the module warns of: a critic that centers its batch has no gradient left to see."""
    assert losses.r1_penalty(linear, REAL) == 12.5
    centered = losses.r1_penalty(lambda x: linear(x) - jnp.mean(linear(x)), REAL)
    assert centered < 1e-10


@EACH
def test_jit_and_vmap(penalty):
    batches = jnp.stack([REAL, FAKE])
    expected = [penalty(quadratic, batch) for batch in batches]
    result = jax.jit(jax.vmap(lambda batch: penalty(quadratic, batch)))(batches)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_key_may_be_traced():
    def value(key):
        return losses.interpolated_gradient_penalty(quadratic, REAL, FAKE, key=key)

    results = jax.jit(jax.vmap(value))(jax.random.split(jax.random.key(0), 3))
    assert len(set(results.tolist())) == 3


def interpolated(critic=linear, real=REAL, fake=FAKE, **options):
    return losses.interpolated_gradient_penalty(critic, real, fake, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interpolated(), "give exactly one of key and alpha"),
        (
            lambda: interpolated(key=jax.random.key(0), alpha=ALPHA),
            "give exactly one of key and alpha",
        ),
        (lambda: interpolated(alpha=ALPHA[:3]), r"alpha must hold one weight per sample \[B\]"),
        (lambda: interpolated(alpha=ALPHA[:, None]), "alpha must hold one weight per sample"),
        (lambda: interpolated(alpha=np.ones(6, np.int32)), "alpha must be floating point"),
        (lambda: interpolated(fake=FAKE[:3], alpha=ALPHA), "real and fake must have the same"),
        (lambda: interpolated(real=REAL[0], fake=FAKE[0], alpha=ALPHA), "real must be a batch"),
        (lambda: interpolated(alpha=ALPHA, target=-1.0), "target must be finite and at least 0"),
        (
            lambda: interpolated(critic=lambda x: jnp.mean(linear(x)), alpha=ALPHA),
            r"critic must return logits \[B\], \[B, 1\] or \[B, h, w, 1\] for samples \[6, 2\], "
            r"got shape \[\]",
        ),
        (
            lambda: interpolated(critic=lambda x: (linear(x), x), alpha=ALPHA),
            "critic must return one array of logits, got tuple",
        ),
        (
            lambda: losses.r1_penalty(lambda x: linear(x) > 0, REAL),
            "logits of critic must be floating point",
        ),
        (
            lambda: losses.r1_penalty(linear, np.zeros((2, 4, 4, 3), np.uint8)),
            "real must be floating point",
        ),
        (lambda: losses.r1_penalty(linear, REAL[:0]), "real must not be empty"),
        (lambda: losses.r1_penalty(linear, REAL[:, 0]), "real must be a batch of at least two"),
        (lambda: losses.r2_penalty(linear, FAKE[:, 0]), "fake must be a batch of at least two"),
        (lambda: losses.interpolate(REAL, FAKE, 0.5), "alpha must hold one weight per sample"),
        (lambda: losses.dragan_penalty(linear, REAL), "give either key, or both noise and alpha"),
        (
            lambda: losses.dragan_penalty(linear, REAL, noise=NOISE),
            "give either key, or both noise and alpha",
        ),
        (
            lambda: losses.dragan_penalty(linear, REAL, key=jax.random.key(0), alpha=ALPHA),
            "give either key, or both noise and alpha",
        ),
        (
            lambda: losses.dragan_penalty(
                linear, REAL, key=jax.random.key(0), noise=NOISE, alpha=ALPHA
            ),
            "give either key, or both noise and alpha",
        ),
        (
            lambda: losses.dragan_penalty(linear, REAL, noise=NOISE[:, :1], alpha=ALPHA),
            "real and noise must have the same shape",
        ),
        (
            lambda: losses.dragan_penalty(linear, REAL, key=jax.random.key(0), noise_scale=-0.5),
            "noise_scale must be finite and at least 0, got -0.5",
        ),
    ],
)
def test_bad_arguments_are_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
