"""Arrays of images: pixels, augmentation, grids, reading and writing."""

from gan_jax.images.augment import make_augment, random_crop, random_flip, random_rotation
from gan_jax.images.grid import can_draw, encode_png, image_grid, labeled_grid, save_png
from gan_jax.images.opening import FORMATS, MAX_PIXELS, flattened, image_files, open_image
from gan_jax.images.pixels import normalize, quantize, to_pixels
from gan_jax.images.reading import ImageFiles, batches_of, open_images
from gan_jax.images.resizing import shrink

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "ImageFiles",
    "batches_of",
    "can_draw",
    "encode_png",
    "flattened",
    "image_files",
    "image_grid",
    "labeled_grid",
    "make_augment",
    "normalize",
    "open_image",
    "open_images",
    "quantize",
    "random_crop",
    "random_flip",
    "random_rotation",
    "save_png",
    "shrink",
    "to_pixels",
]
