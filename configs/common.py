"""Every key that a run has, with its default and its meaning; the recipes change some.

The keys of the model are the fields of the family's settings, in `gan_jax/gans/`.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from gan_jax import gans
from gan_jax.names import check_name

VARIANTS = ("full", "smoke")
# Groups whose keys are not those of every run.
FREE = ("config.model", "config.data.domains")


def optimizer(
    name: str = "adam", learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999
) -> ConfigDict:
    """Settings of one player's optimizer in the family adversarial."""
    config = _model(gans.defaults("adversarial")["generator_optimizer"])
    config.update(name=name, learning_rate=learning_rate, b2=b2)
    if name != "rmsprop":
        config.b1 = b1
    return config


def schedule(kind: str, value: float, **options: Any) -> ConfigDict:
    """A number that changes with the step, wherever settings take a number or a schedule.

    A config gives it in the place of a number so:

        config.model.ema_decay = common.schedule("linear", 0.9, to=0.999)

    Args:
      kind: constant, linear or cosine.
      value: The number before it changes.
      **options: `to`, `start`, `steps` (0: until the run's last) and `warmup`, as
        `gan_jax.core.Schedule` explains them.
    """
    config = ConfigDict({"kind": kind, "value": value, "to": 0.0})
    return ConfigDict({**config, "start": 0, "steps": 0, "warmup": 0, **options})


def _model(values: dict[str, Any]) -> ConfigDict:
    # A number may give way to a schedule, which is a group; the family's settings check the types.
    return ConfigDict(values, type_safe=False)


def base(name: str, family: str = "adversarial") -> ConfigDict:
    """The defaults: of the family's model, on CIFAR-10.

    Args:
      name: The name of the experiment, as in results and reports.
      family: A name of `gan_jax.gans.FAMILIES`.
    """
    config = ConfigDict()
    config.name = name  # of the experiment, as in results and reports
    config.family = family  # a name of gan_jax.gans.FAMILIES
    config.model = _model(gans.defaults(family))

    config.steps = 23_450  # of the whole run; raise it to continue a run
    config.batch_size = 64  # over all devices
    config.seed = 0
    config.precision = "float32"  # float32, bfloat16 (arithmetic of the networks alone)
    config.parallel = "jit"  # jit (one device's mathematics on any number), pmap
    config.steps_per_call = 0  # steps sent to the device at once; 0: 10 on CPU, 50 elsewhere
    config.log_every = 100  # steps
    config.sample_every = 1_000  # steps, 0 for none
    config.sample_epochs = ()  # epochs after which a grid is saved too
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
    config.evaluate.patience = 5  # evaluations without a better score until a warning, 0 for never
    config.evaluate.stop = False  # whether the run then ends

    config.data = ConfigDict()
    config.data.name = "cifar10"  # any tfds image data set, digits, folder:PATH
    config.data.dir = ""  # where tfds keeps its data; empty: TFDS_DATA_DIR or tfds's default
    config.data.cache_dir = ""  # of decoded images; empty: ~/.cache/gan_jax
    config.data.split = "train"
    config.data.classes = ()  # names or labels to train on; empty for all
    config.data.layout = "image"  # image, side_by_side (pairs: two halves of one image)
    config.data.domains = ConfigDict()  # {domain: {name, dir, split, classes}} for several
    config.data.image_size = 32  # height and width
    config.data.image_shape = ()  # (height, width) in place of image_size, where not square
    config.data.channels = 0  # 0: as the data; 1: gray, 3: color
    config.data.placement = "auto"  # device (resident), host (streamed), auto
    config.data.augment = ConfigDict()
    config.data.augment.flip = False
    config.data.augment.crop_padding = 0  # pixels
    config.data.augment.rotation_degrees = 0.0
    return config


def check_keys(config: ConfigDict, known: ConfigDict, prefix: str = "config") -> None:
    """Refuses keys of the run that `known` does not have; those of the model its family checks.

    Raises:
      ValueError: Naming the nearest key.
    """
    for key, value in config.items():
        check_name(f"key of {prefix}", key, known)
        if isinstance(value, ConfigDict) and f"{prefix}.{key}" not in FREE:
            check_keys(value, known[key], f"{prefix}.{key}")


def smoke(config: ConfigDict) -> ConfigDict:
    """The same experiment, small: does everything in about a minute on two cores."""
    # A factor on the number of channels; where it is their number, the config sets its own.
    if isinstance(config.model.get("width"), float):
        config.model.width = 0.125
    config.steps = 40
    config.batch_size = 16
    config.log_every = 10
    config.sample_every = 20
    config.checkpoint_every = 20
    return config


def finish(config: ConfigDict, variant: str) -> ConfigDict:
    """Applies the variant.

    Raises:
      ValueError: If the variant is unknown, or a key is none that a run has: nothing reads it.
    """
    check_keys(config, base(config.name, config.family))
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant '{variant}', there are {', '.join(VARIANTS)}")
    return smoke(config) if variant == "smoke" else config
