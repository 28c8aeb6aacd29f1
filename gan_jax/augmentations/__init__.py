"""Augmentation of what a discriminator sees: pure, differentiable functions of a key and images.

Both real and generated images are augmented in the discriminator's loss, and generated ones in the
generator's loss, whose gradients go through the augmentation. Images that are saved, scored or
averaged are not augmented. Needs JAX alone: no Flax, no configuration, no network.
"""

from gan_jax.augmentations.ada import ADA_POLICIES, ADA_TRANSFORMS, ada_augment
from gan_jax.augmentations.affine import warp
from gan_jax.augmentations.diffaugment import DIFF_AUGMENTATIONS, diff_augment
from gan_jax.augmentations.feedback import adjust_probability, record_signs, start_feedback

__all__ = [
    "ADA_POLICIES",
    "ADA_TRANSFORMS",
    "DIFF_AUGMENTATIONS",
    "ada_augment",
    "adjust_probability",
    "diff_augment",
    "record_signs",
    "start_feedback",
    "warp",
]
