"""Every key that a config has, with its default and its meaning; the recipes change some."""

from __future__ import annotations

from ml_collections import ConfigDict

VARIANTS = ("full", "smoke")


def optimizer(
    name: str = "adam", learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999
) -> ConfigDict:
    """Settings of one player's optimizer."""
    config = ConfigDict()
    config.name = name  # adam, adamw, rmsprop, sgd
    config.learning_rate = learning_rate
    config.b1 = b1  # adam's first moment, sgd's momentum
    config.b2 = b2  # adam's second moment, rmsprop's decay
    config.weight_decay = 0.0  # adamw
    config.gradient_clip = 0.0  # global norm, 0 for none
    config.schedule = "constant"  # constant, linear, cosine (both to zero at the last step)
    config.decay_start = 0  # step at which the decay begins
    config.warmup_steps = 0  # steps of linear warm-up
    return config


def base() -> ConfigDict:
    """The defaults: the networks of the first DCGAN recipe on CIFAR-10."""
    config = ConfigDict()
    config.family = "dcgan"  # a name of gan_jax.gans.FAMILIES
    config.network = "dcgan_8x8"  # a name of gan_jax.networks.GENERATORS
    config.width = 1.0  # factor on the number of channels
    config.latent_dim = 100

    config.loss = "non_saturating"  # a name of gan_jax.losses.adversarial_loss
    config.real_label = 1.0  # label smoothing, of non_saturating alone
    config.fake_label = 0.0
    config.feature_matching = 0.0  # weight in the generator's loss
    config.penalty = ConfigDict()
    config.penalty.name = "none"  # none, gradient_penalty, r1, r2, dragan
    config.penalty.weight = 10.0
    config.penalty.target = 1.0  # of gradient_penalty: 1 or 0
    config.penalty.one_sided = False  # of gradient_penalty
    config.weight_clip = 0.0  # bound on the critic's weights, 0 for none

    config.discriminator = ConfigDict()
    config.discriminator.steps = 1  # updates a generator update (n_critic)
    config.discriminator.dropout = 0.0
    config.discriminator.normalization = "none"  # none, batch
    config.discriminator.initializer = "dcgan"  # dcgan: N(0, 0.02); he: N(0, 2 / fan_in)
    config.discriminator.minibatch_discrimination = 0  # number of kernels, 0 for none
    config.generator_optimizer = optimizer()
    config.discriminator_optimizer = optimizer()
    config.ema_decay = 0.0  # of the generator's averaged weights, 0 for none

    config.steps = 23_450  # of the whole run; raise it to continue a run
    config.batch_size = 64  # over all devices
    config.seed = 0
    config.precision = "float32"  # float32, bfloat16 (arithmetic of the networks alone)
    config.parallel = "jit"  # jit (one device's mathematics on any number), pmap
    config.steps_per_call = 0  # steps sent to the device at once; 0: 10 on CPU, 50 elsewhere
    config.log_every = 100  # steps
    config.sample_every = 1_000  # steps, 0 for none
    config.sample_epochs = ()  # epochs after which a grid is drawn besides
    config.checkpoint_every = 1_000  # steps
    config.keep_checkpoints = 3  # the newest few are kept

    config.evaluate = ConfigDict()  # while training, against the training data
    # Steps between evaluations, 0 for none. A call to the device ends at each: take a multiple of
    # log_every, say, rather than 7.
    config.evaluate.every = 0
    config.evaluate.metrics = ("fid",)  # the first says which checkpoint is the best
    config.evaluate.extractor = "inception"  # inception, efficientnet_lite0 (needs no download)
    config.evaluate.weights = ""  # the extractor's file; empty for where it looks
    config.evaluate.num_images = 10_000  # generated, for each evaluation
    config.evaluate.num_real = 0  # 0 for all
    config.evaluate.patience = 5  # evaluations without a better score until it is told, 0 for never
    config.evaluate.stop = False  # whether the run then ends

    config.data = ConfigDict()
    config.data.name = "cifar10"  # any tfds image data set, digits, folder:PATH
    config.data.dir = ""  # where tfds keeps its data; empty: TFDS_DATA_DIR or tfds's default
    config.data.cache_dir = ""  # of decoded images; empty: ~/.cache/gan_jax
    config.data.split = "train"
    config.data.classes = ()  # names or labels to train on; empty for all
    config.data.image_size = 32
    config.data.channels = 0  # 0: as the data; 1: grey, 3: colour
    config.data.placement = "auto"  # device (resident), host (streamed), auto
    config.data.augment = ConfigDict()
    config.data.augment.flip = False
    config.data.augment.crop_padding = 0  # pixels
    config.data.augment.rotation_degrees = 0.0
    return config


def smoke(config: ConfigDict) -> ConfigDict:
    """The same experiment, small: does everything in about a minute on two cores."""
    config.width = 0.125
    config.steps = 40
    config.batch_size = 16
    config.log_every = 10
    config.sample_every = 20
    config.checkpoint_every = 20
    return config


def finish(config: ConfigDict, variant: str) -> ConfigDict:
    """Applies the variant.

    Raises:
      ValueError: If the variant is unknown.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant '{variant}', there are {', '.join(VARIANTS)}")
    return smoke(config) if variant == "smoke" else config
