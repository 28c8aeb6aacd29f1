"""Images by name: decoded once, ordered by (seed, step), augmented inside the compiled step.

dataset = data.load("cifar10", classes=["airplane"])
rows = data.index_batches(len(dataset), 64, seed=0, start=0, count=10)
with data.stream(dataset, rows) as batches:
    for images, labels in batches:
        images = normalize(images)
"""

from gan_jax.data.cache import cache_directory
from gan_jax.data.dataset import CLASS_GROUPS, ImageDataset
from gan_jax.data.loading import load
from gan_jax.data.pipeline import Stream, index_batches, stream

__all__ = [
    "CLASS_GROUPS",
    "ImageDataset",
    "Stream",
    "cache_directory",
    "index_batches",
    "load",
    "stream",
]
