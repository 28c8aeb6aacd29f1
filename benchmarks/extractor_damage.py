"""Shows that an extractor's Frechet distance sees what is wrong with a set of images.

    python benchmarks/extractor_damage.py --json=benchmarks/results/efficientnet_damage.json

compares sets of as many images each with real training images: real test images, the same blurred
and with noise added, and sets of which a share is of one class only, at several strengths. Prints a
table, and for an extractor with ImageNet's 1000 classes how often images of CIFAR-10 fall into
related classes. The status is 0 if the score grows with the strength of every damage, from none on,
and the strongest is at least five times as far from training images as undamaged test images are.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from compare import conditions
from comparison_summary import write_json

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BLUR, NOISE, ONE_CLASS = "blur", "noise", "one class"
STRENGTHS = {
    BLUR: (0.5, 1.0, 1.5, 2.0),
    NOISE: (8.0, 16.0, 32.0, 64.0),
    ONE_CLASS: (0.25, 0.5, 0.75, 1.0),
}
UNITS = {
    BLUR: "standard deviation in pixels",
    NOISE: "standard deviation, of 255",
    ONE_CLASS: "share of images that are of one class",
}
FAR = 5.0


def _ranges(*bounds: tuple[int, int]) -> tuple[int, ...]:
    return tuple(number for first, last in bounds for number in range(first, last + 1))


# Classes of ImageNet, in the order of ILSVRC 2012, that name what a class of CIFAR-10 shows.
RELATED = {
    "airplane": (404, 405, 895, 908),
    "automobile": (436, 468, 479, 511, 581, 609, 627, 656, 661, 717, 751, 817),
    "bird": _ranges((7, 24), (80, 100), (127, 146)),
    "cat": _ranges((281, 285)),
    "deer": _ranges((344, 354)),
    "dog": _ranges((151, 268)),
    "frog": _ranges((30, 32)),
    "horse": (339, 603),
    "ship": (403, 472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 913, 914),
    "truck": (407, 555, 569, 654, 656, 675, 717, 734, 779, 864, 867),
}


class Real(NamedTuple):
    """Images nobody has damaged.

    Attributes:
      train: uint8 [N, H, W, 3], what all sets are compared with.
      test: uint8 [N, H, W, 3].
      test_labels: int32 [N].
      one_class: uint8 [N, H, W, 3] of the training set, of one class and none of them in `train`.
      class_names: names of the labels.
    """

    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    one_class: np.ndarray
    class_names: tuple[str, ...]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--extractor", default="efficientnet_lite0", help="as gan_jax.metrics names it")
    add("--weights", help="its file of weights, where it does not find them itself")
    add("--images", type=int, default=4000, help="of each set")
    add("--batch-size", type=int, default=64)
    add("--seed", type=int, default=0, help="of the choice of images, and of the noise")
    add("--one-class", type=int, default=0, help="label of the class of the one-class sets")
    add("--data", default="cifar10", help="a name that gan_jax.data knows")
    add("--data-dir", help="where it is prepared; default: TFDS_DATA_DIR")
    add("--data-note", default="", help="what to write of the data, as 'JPEG copy'")
    add("--json", type=Path, help="where to write the numbers")
    return parser.parse_args(arguments)


def load_real(options: argparse.Namespace) -> Real:
    """Chooses the images.

    Raises:
      ValueError: there are not enough of them.
    """
    from gan_jax import data

    rng = np.random.default_rng(options.seed)
    count = options.images
    train, test = (
        data.load(options.data, split=split, data_dir=options.data_dir, channels=3, progress=False)
        for split in ("train", "test")
    )
    order = rng.permutation(len(train))
    rest = order[count:]
    one_class = rest[np.asarray(train.arrays["label"])[rest] == options.one_class][:count]
    if count < 2 or len(test) < count or len(one_class) < count:
        raise ValueError(
            f"--images must be from 2 to {min(len(test), len(one_class))} here, not {count}"
        )
    chosen = np.sort(rng.permutation(len(test))[:count])
    return Real(
        train=train.arrays["image"][np.sort(order[:count])],
        test=test.arrays["image"][chosen],
        test_labels=np.asarray(test.labels)[chosen],
        one_class=train.arrays["image"][np.sort(one_class)],
        class_names=test.class_names,
    )


def blur(images: np.ndarray, deviation: float) -> np.ndarray:
    """Convolves uint8 [N, H, W, C] with a Gaussian of so many pixels, mirrored at the border."""
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(images.astype(np.float32), (0, deviation, deviation, 0))
    return np.rint(blurred).astype(np.uint8)


def add_noise(images: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    """Adds independent Gaussian noise to every value of uint8 [N, H, W, C]."""
    noise = np.random.default_rng(seed).normal(scale=deviation, size=images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def mix(features: np.ndarray, of_one_class: np.ndarray, share: float) -> np.ndarray:
    """Replaces a share of the rows of [N, D] by rows of another [N, D]."""
    replaced = round(share * len(features))
    return np.concatenate([of_one_class[:replaced], features[replaced:]])


def recognition(
    logits: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """How often the likeliest class of ImageNet is related to a class of CIFAR-10.

    Args:
      logits: [N, 1000].
      labels: [N].
      class_names: names of the labels.

    Returns:
      For each name in `RELATED`: of the images of that class the share in related classes
      (`own`), and the same share of all other images (`others`).
    """
    best = logits.argmax(axis=1)
    result = {}
    for label, name in enumerate(class_names):
        if name in RELATED:
            related, own = np.isin(best, RELATED[name]), labels == label
            result[name] = {
                "own": float(related[own].mean()),
                "others": float(related[~own].mean()),
            }
    return result


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Scores every set; returns all that is known."""
    from gan_jax import metrics
    from gan_jax.evaluation import features

    extractor = metrics.make_extractor(options.extractor, weights=options.weights)
    real = load_real(options)
    speeds = []

    def look(images: np.ndarray) -> features.Features:
        start = time.perf_counter()
        seen = features.extract(extractor, images, batch_size=options.batch_size)
        speeds.append(len(images) / (time.perf_counter() - start))
        return seen

    reference = metrics.moments(look(real.train).features)

    def score(name: str, seen: np.ndarray) -> float:
        distance = metrics.frechet_inception_distance(reference, seen)
        print(f"{name}: {distance:.2f}", file=sys.stderr)
        return distance

    test, of_one_class = look(real.test), look(real.one_class)
    damage_by = {
        BLUR: lambda deviation: look(blur(real.test, deviation)).features,
        NOISE: lambda deviation: look(add_noise(real.test, deviation, options.seed)).features,
        ONE_CLASS: lambda share: mix(test.features, of_one_class.features, share),
    }
    undamaged = score("undamaged", test.features)
    damaged = {
        damage: [
            {
                "strength": strength,
                "score": score(f"{damage} {strength}", damage_by[damage](strength)),
            }
            for strength in strengths
        ]
        for damage, strengths in STRENGTHS.items()
    }
    return {
        "extractor": {
            name: getattr(extractor, name)
            for name in ("name", "title", "resolution", "resize", "weights_sha256")
        },
        "metric": metrics.metric_title("fid", extractor.name),
        "data": f"{options.data} ({options.data_note})" if options.data_note else options.data,
        "images": options.images,
        "seed": options.seed,
        "one_class": real.class_names[options.one_class],
        "undamaged": undamaged,
        "damaged": damaged,
        "recognition": recognition(test.logits, real.test_labels, real.class_names)
        if extractor.num_logits == 1000
        else None,
        "batch_size": options.batch_size,
        "images_per_second": {
            "best": max(speeds),
            "median": float(np.median(speeds)),
        },
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib", "flax", "numpy")},
    }


def verdict(
    undamaged: float, damaged: Mapping[str, Sequence[Mapping[str, float]]]
) -> dict[str, Any]:
    """Whether the score detects damage.

    Returns:
      `grows`: whether it grows with the strength of every damage, from the undamaged images on.
      `strongest_over_undamaged`: for the strongest of each damage, its score over that of undamaged
      images. `passes`: it grows, and these ratios are at least `FAR`.
    """
    scores = {name: [undamaged, *(one["score"] for one in row)] for name, row in damaged.items()}
    grows = all(a < b for row in scores.values() for a, b in itertools.pairwise(row))
    ratios = {name: row[-1] / undamaged for name, row in scores.items()}
    return {
        "grows": grows,
        "strongest_over_undamaged": ratios,
        "passes": grows and min(ratios.values()) >= FAR,
    }


def table(result: Mapping[str, Any]) -> str:
    """The scores, and the recognition, to read."""
    lines = [
        f"{result['metric']} of {result['images']} images against as many training images of "
        f"{result['data']}",
        f"{'test images, undamaged':<66}{result['undamaged']:>10.2f}",
    ]
    for damage, results in result["damaged"].items():
        what = f"one class ({result['one_class']})" if damage == ONE_CLASS else damage
        for one in results:
            label = f"{what}, {UNITS[damage]}:"
            lines.append(f"{label:<58}{one['strength']:>8g}{one['score']:>10.2f}")
    if result["recognition"]:
        lines.append("\nshare in related classes of ImageNet: of the class, of all other images")
        for name, share in result["recognition"].items():
            lines.append(f"{name:<58}{share['own']:>8.1%}{share['others']:>10.1%}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        result = measure(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = verdict(result["undamaged"], result["damaged"])
    print(table(result))
    speed = result["images_per_second"]
    print(
        f"\nimages/s: best {speed['best']:.0f}, median {speed['median']:.0f}, compilation included"
    )
    ratios = found["strongest_over_undamaged"].items()
    print(f"grows with the strength of every damage: {found['grows']}")
    print(
        f"strongest damage over undamaged, bound {FAR:g}: "
        + ", ".join(f"{name} {ratio:.1f}" for name, ratio in ratios)
    )
    if options.json:
        write_json(options.json, {**conditions(), **found, **result})
    return 0 if found["passes"] else 1


if __name__ == "__main__":
    sys.exit(main())
