"""Adversarial losses against numbers worked out with `math` in float64, and their gradients."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

# Values float32 holds exactly, so that the reference sees the same logits.
REAL = [2.0, -0.75, 0.5, 13.0, -0.0625]
FAKE = [-1.5, 0.25, 3.0, -9.0, 0.0]
EXTREME = [1e4, -1e4, 0.0]

# The references below are the definitions with probabilities and logarithms spelt out, in Python
# floats: another route than the softplus forms under test. 1 - probability(x) is written
# probability(-x), which keeps its digits.


def probability(logit):
    return 1.0 / (1.0 + math.exp(-logit))


def mean(values):
    return math.fsum(values) / len(values)


def cross_entropy(logits, label):
    return -mean(
        [label * math.log(probability(x)) + (1 - label) * math.log(probability(-x)) for x in logits]
    )


def half_mean_square(logits, target):
    return mean([(x - target) ** 2 for x in logits]) / 2


def average_game(winner, loser):
    return -mean([math.log(probability(x - mean(loser))) for x in winner]) - mean(
        [math.log(probability(mean(winner) - x)) for x in loser]
    )


def paired_game(winner, loser):
    return -mean([math.log(probability(a - b)) for a, b in zip(winner, loser, strict=True)])


DISCRIMINATOR_LOSSES = {
    "minimax": (
        losses.minimax_discriminator_loss,
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
    ),
    "non_saturating": (
        losses.non_saturating_discriminator_loss,
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
    ),
    "one_sided_smoothing": (
        lambda r, f: losses.non_saturating_discriminator_loss(r, f, real_label=0.9),
        lambda r, f: cross_entropy(r, 0.9) + cross_entropy(f, 0),
    ),
    "two_sided_smoothing": (
        lambda r, f: losses.non_saturating_discriminator_loss(r, f, real_label=0.9, fake_label=0.1),
        lambda r, f: cross_entropy(r, 0.9) + cross_entropy(f, 0.1),
    ),
    "least_squares": (
        losses.least_squares_discriminator_loss,
        lambda r, f: half_mean_square(r, 1) + half_mean_square(f, 0),
    ),
    "least_squares_pearson": (
        lambda r, f: losses.least_squares_discriminator_loss(r, f, fake_target=-1.0),
        lambda r, f: half_mean_square(r, 1) + half_mean_square(f, -1),
    ),
    "hinge": (
        losses.hinge_discriminator_loss,
        lambda r, f: mean([max(0, 1 - x) for x in r]) + mean([max(0, 1 + x) for x in f]),
    ),
    "wasserstein": (losses.wasserstein_discriminator_loss, lambda r, f: mean(f) - mean(r)),
    "relativistic": (losses.relativistic_discriminator_loss, paired_game),
    "relativistic_average": (losses.relativistic_average_discriminator_loss, average_game),
}

GENERATOR_LOSSES = {
    "minimax": (
        lambda r, f: losses.minimax_generator_loss(f),
        lambda r, f: mean([math.log(probability(-x)) for x in f]),
    ),
    "non_saturating": (
        lambda r, f: losses.non_saturating_generator_loss(f),
        lambda r, f: cross_entropy(f, 1),
    ),
    "smoothed": (
        lambda r, f: losses.non_saturating_generator_loss(f, label=0.9),
        lambda r, f: cross_entropy(f, 0.9),
    ),
    "least_squares": (
        lambda r, f: losses.least_squares_generator_loss(f),
        lambda r, f: half_mean_square(f, 1),
    ),
    "least_squares_pearson": (
        lambda r, f: losses.least_squares_generator_loss(f, target=0.0),
        lambda r, f: half_mean_square(f, 0),
    ),
    "hinge": (lambda r, f: losses.hinge_generator_loss(f), lambda r, f: -mean(f)),
    "wasserstein": (lambda r, f: losses.wasserstein_generator_loss(f), lambda r, f: -mean(f)),
    "relativistic": (losses.relativistic_generator_loss, lambda r, f: paired_game(f, r)),
    "relativistic_average": (
        losses.relativistic_average_generator_loss,
        lambda r, f: average_game(f, r),
    ),
}

BOTH = [
    pytest.param(*pair, id=f"{player}-{name}")
    for player, table in (
        ("discriminator", DISCRIMINATOR_LOSSES),
        ("generator", GENERATOR_LOSSES),
    )
    for name, pair in table.items()
]


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_equals_the_definition(loss, reference):
    expected = reference(REAL, FAKE)
    result = loss(jnp.array(REAL), jnp.array(FAKE))
    assert result.shape == ()
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    with jax.enable_x64(True):
        result = loss(jnp.array(REAL), jnp.array(FAKE))
        assert result.dtype == jnp.float64
        np.testing.assert_allclose(result, expected, rtol=1e-13)


# Sums of logarithms small enough to write down: at logits of 0 and log 3, D(x) is 1/2 and 3/4.
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda x: losses.minimax_discriminator_loss(x, x), math.log(2 * 4 / (math.sqrt(3)))),
        (losses.minimax_generator_loss, -1.5 * math.log(2)),
        (losses.non_saturating_generator_loss, math.log(8 / 3) / 2),
        (lambda x: losses.relativistic_discriminator_loss(x, x), math.log(2)),
        (lambda x: losses.relativistic_generator_loss(x, x), math.log(2)),
        (lambda x: losses.hinge_discriminator_loss(x, x), 1.5 + math.log(3) / 2),
        (lambda x: losses.wasserstein_discriminator_loss(x, x), 0.0),
        (losses.wasserstein_generator_loss, -math.log(3) / 2),
        (losses.hinge_generator_loss, -math.log(3) / 2),
        (losses.least_squares_generator_loss, (1 + (math.log(3) - 1) ** 2) / 4),
    ],
)
def test_golden_numbers(loss, expected):
    np.testing.assert_allclose(loss(jnp.array([0.0, math.log(3)])), expected, rtol=1e-6)


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_gradient_equals_finite_differences_of_the_definition(loss, reference):
    with jax.enable_x64(True):
        gradients = jax.grad(loss, argnums=(0, 1))(jnp.array(REAL), jnp.array(FAKE))
    step = 1e-6
    for argument in (0, 1):
        for i in range(len(REAL)):
            up, down = [list(REAL), list(FAKE)], [list(REAL), list(FAKE)]
            up[argument][i] += step
            down[argument][i] -= step
            slope = (reference(*up) - reference(*down)) / (2 * step)
            np.testing.assert_allclose(gradients[argument][i], slope, rtol=1e-6, atol=2e-9)


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_value_and_gradient_are_finite_at_extreme_logits(loss, reference):
    del reference
    pairs = jnp.array([(r, f) for r in EXTREME for f in EXTREME])
    real, fake = jnp.repeat(pairs[:, :, None], 3, axis=2).swapaxes(0, 1)
    values, gradients = jax.vmap(jax.value_and_grad(loss, argnums=(0, 1)))(real, fake)
    assert values.shape == (9,)
    assert jnp.all(jnp.isfinite(values))
    assert jnp.all(jnp.isfinite(jnp.stack(gradients)))


def test_values_at_extreme_logits_are_right_and_not_only_finite():
    high, low = jnp.array([1e4]), jnp.array([-1e4])
    assert losses.minimax_discriminator_loss(high, low) == 0
    assert losses.minimax_discriminator_loss(low, high) == 2e4
    assert losses.minimax_generator_loss(high) == -1e4
    assert losses.non_saturating_generator_loss(low) == 1e4
    assert losses.relativistic_discriminator_loss(low, high) == 2e4
    assert losses.relativistic_average_generator_loss(high, low) == 4e4
    np.testing.assert_allclose(
        losses.non_saturating_discriminator_loss(high, low, real_label=0.9, fake_label=0.1),
        2e3,
        rtol=1e-6,
    )


def test_saturating_gradient_vanishes_where_the_discriminator_wins_and_the_other_does_not():
    sure_fake = jnp.array([-50.0])
    assert abs(jax.grad(losses.minimax_generator_loss)(sure_fake)[0]) < 1e-20
    np.testing.assert_allclose(
        jax.grad(losses.non_saturating_generator_loss)(sure_fake)[0], -1.0, rtol=1e-6
    )


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_half_precision_logits_are_reduced_in_float32(loss, reference):
    real, fake = jnp.array(REAL, jnp.bfloat16), jnp.array(FAKE, jnp.bfloat16)
    result, gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(real, fake)
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, reference(REAL, FAKE), rtol=1e-6)  # bfloat16 holds them
    assert [g.dtype for g in gradients] == [jnp.bfloat16, jnp.bfloat16]
    assert loss(real.astype(jnp.float16), fake.astype(jnp.float16)).dtype == jnp.float32


def test_a_mean_that_bfloat16_could_not_hold():
    logits = jnp.concatenate([jnp.full((1,), 256.0), jnp.full((511,), 1.0)]).astype(jnp.bfloat16)
    np.testing.assert_allclose(
        losses.wasserstein_generator_loss(logits), -(256 + 511) / 512, rtol=1e-6
    )


@pytest.mark.parametrize(("loss", "reference"), BOTH)
@pytest.mark.parametrize("shape", [(), (2, 3, 3, 1)])
def test_logits_of_any_shape_count_each_entry_once(loss, reference, shape):
    values = np.random.RandomState(0).normal(size=(2, *shape))
    real, fake = jnp.asarray(values, jnp.float32)
    expected = reference(np.ravel(values[0]).tolist(), np.ravel(values[1]).tolist())
    np.testing.assert_allclose(loss(real, fake), expected, rtol=2e-6)


@pytest.mark.parametrize("name", [name for name in DISCRIMINATOR_LOSSES if name != "relativistic"])
def test_numbers_of_real_and_fake_samples_may_differ(name):
    loss, reference = DISCRIMINATOR_LOSSES[name]
    result = loss(jnp.array(REAL), jnp.array(FAKE[:2]))
    np.testing.assert_allclose(result, reference(REAL, FAKE[:2]), rtol=1e-6)


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_jit_and_vmap(loss, reference):
    real, fake = jnp.array([REAL, FAKE]), jnp.array([FAKE, REAL])
    expected = [reference(REAL, FAKE), reference(FAKE, REAL)]
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(real, fake), expected, rtol=1e-6)


def test_labels_and_targets_may_be_traced():
    real, fake = jnp.array(REAL), jnp.array(FAKE)

    @jax.jit
    def smoothed(label):
        return losses.non_saturating_discriminator_loss(real, fake, real_label=label)

    expected = cross_entropy(REAL, 0.75) + cross_entropy(FAKE, 0)
    np.testing.assert_allclose(smoothed(0.75), expected, rtol=1e-6)
    slope = jax.grad(lambda t: losses.least_squares_generator_loss(fake, target=t))(1.0)
    np.testing.assert_allclose(slope, 1 - mean(FAKE), rtol=1e-6)


def test_options_do_not_change_the_precision_of_the_result():
    with jax.enable_x64(True):
        logits = jnp.array(REAL, jnp.float32)
        for label in (np.float64(0.9), np.array(0.9), jnp.array(0.9)):
            loss = losses.non_saturating_generator_loss(logits, label=label)
            assert loss.dtype == jnp.float32
            assert losses.least_squares_generator_loss(logits, target=label).dtype == jnp.float32


def test_discriminator_probabilities():
    logits = jnp.array([[0.0, math.log(3)], [-1e4, 1e4]])
    result = losses.discriminator_probabilities(logits)
    np.testing.assert_allclose(result, [[0.5, 0.75], [0.0, 1.0]], rtol=1e-6)
    assert losses.discriminator_probabilities(logits.astype(jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize(("loss", "reference"), BOTH)
def test_integer_logits_are_refused(loss, reference):
    del reference
    with pytest.raises(ValueError, match="fake_logits must be floating point"):
        loss(jnp.ones(3), jnp.ones(3, jnp.int32))


@pytest.mark.parametrize("loss", [loss for loss, _ in DISCRIMINATOR_LOSSES.values()])
def test_shapes_that_would_broadcast_are_refused(loss):
    for real, fake in (((4,), (4, 1)), ((4, 2, 2, 1), (4, 3, 3, 1)), ((), (4,))):
        with pytest.raises(ValueError, match="real_logits and fake_logits"):
            loss(jnp.ones(real), jnp.ones(fake))
        with pytest.raises(ValueError, match="real_logits and fake_logits"):
            jax.eval_shape(loss, jnp.ones(real), jnp.ones(fake))


@pytest.mark.parametrize(
    "loss", [losses.relativistic_discriminator_loss, losses.relativistic_generator_loss]
)
def test_paired_losses_refuse_batches_that_do_not_pair(loss):
    with pytest.raises(ValueError, match=r"same shape, got \(4,\) and \(1,\)"):
        loss(jnp.ones(4), jnp.ones(1))


def test_other_bad_arguments_are_refused_in_one_line():
    logits = jnp.ones(3)
    cases = [
        (lambda: losses.hinge_generator_loss(jnp.ones(0)), r"fake_logits must not be empty"),
        (lambda: losses.discriminator_probabilities([1]), r"logits must be floating point"),
        (
            lambda: losses.non_saturating_discriminator_loss(logits, logits, real_label=1.1),
            r"real_label must be in \[0, 1\], got 1\.1",
        ),
        (
            lambda: losses.non_saturating_discriminator_loss(logits, logits, fake_label=-0.1),
            r"fake_label must be in \[0, 1\], got -0\.1",
        ),
        (
            lambda: losses.non_saturating_generator_loss(logits, label=math.nan),
            r"label must be in \[0, 1\], got nan",
        ),
        (
            lambda: losses.non_saturating_generator_loss(logits, label=jnp.ones(3)),
            r"label must be a scalar",
        ),
        (
            lambda: losses.non_saturating_generator_loss(logits, label="0.9"),
            r"label must be a number, got '0\.9'",
        ),
        (
            lambda: losses.least_squares_discriminator_loss(logits, logits, real_target=math.inf),
            r"real_target must be finite, got inf",
        ),
        (
            lambda: losses.least_squares_discriminator_loss(logits, logits, fake_target=math.nan),
            r"fake_target must be finite, got nan",
        ),
        (
            lambda: losses.least_squares_generator_loss(logits, target=math.inf),
            r"target must be finite, got inf",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
