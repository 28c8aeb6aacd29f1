"""Images by name: decoded once, in an order by seed and number, augmented in the compiled step.

dataset = data.load("cifar10", classes=["airplane"])
feed = data.make_feed({"data": dataset}, updates=1, batch_size=64, seed=0, placement="host")
with feed.chunks(data.calls(0, 1000, 10), lambda step: step * feed.examples_per_step) as chunks:
    for inputs in chunks:
        inputs["arrays"]["image"]  # uint8 [steps, updates, 64, 32, 32, 3]
"""

try:
    import PIL  # noqa: F401  # reads images
    import tqdm  # noqa: F401  # shows how far it is
except ModuleNotFoundError as error:
    message = f"gan_jax.data: {error}; pip install 'gan_jax[train]'"
    raise ModuleNotFoundError(message, name=error.name) from None

from gan_jax.data.batch import make_prepare
from gan_jax.data.cache import cache_directory
from gan_jax.data.classes import CLASS_GROUPS, class_labels
from gan_jax.data.dataset import Dataset, Streams, arrays_of, from_arrays, specs_of
from gan_jax.data.feed import PLACEMENTS, Feed, calls, make_feed
from gan_jax.data.loading import load, load_streams
from gan_jax.data.order import index_examples
from gan_jax.data.subset import Subset

__all__ = [
    "CLASS_GROUPS",
    "PLACEMENTS",
    "Dataset",
    "Feed",
    "Streams",
    "Subset",
    "arrays_of",
    "cache_directory",
    "calls",
    "class_labels",
    "from_arrays",
    "index_examples",
    "load",
    "load_streams",
    "make_feed",
    "make_prepare",
    "specs_of",
]
