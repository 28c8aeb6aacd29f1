"""How well a run's categories, codes or labels, agree with the classes of its data.

    python benchmarks/category_accuracy.py --workdir=runs/infogan

trains a small classifier on four fifths of the run's data, says how well it does on the last
fifth, generates images of every category and classifies them. Codes are matched with classes as
agrees best, labels are the classes themselves.
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from comparison_summary import write_json
from machine import conditions

# The configs belong to the checkout, not to the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def measure(workdir: str, count: int, seed: int, steps: int) -> dict[str, Any]:
    """The accuracy of every category of a run's newest checkpoint, and the classifier's."""
    from gan_jax import metrics, sampling
    from gan_jax.core import Category
    from gan_jax.evaluation import classifier, samples
    from gan_jax.runs import restored, setup

    run = restored.load(workdir)
    streams = setup.load_streams(run.config)
    data = samples.stream_of(streams, "label")
    images, labels = (np.asarray(data.arrays[name]) for name in (run.sampler.target, "label"))
    classes = len(data.class_names["label"])
    order = np.random.default_rng(seed).permutation(len(images))
    test, train = np.split(order, [len(order) // 5])
    extractor = classifier.train_classifier(
        images[train], labels[train], num_classes=classes, seed=seed, steps=steps
    )
    right = classifier.classify(extractor, [images[test]]) == labels[test]
    frequencies = samples.label_frequencies(streams)
    inputs_of = functools.partial(sampling.inputs, run.sampler, seed=seed, frequencies=frequencies)
    generate = sampling.make_generate(run.sampler)
    batches = list(generate.numbered(run.weights, inputs_of, count))
    found = classifier.classify(extractor, (batch.images for batch in batches))
    result: dict[str, Any] = {
        "step": run.step,
        "images": count,
        "classifier_accuracy": float(right.mean()),
        "categories": {},
    }
    for name, one in run.sampler.inputs.items():
        if not isinstance(one, Category):
            continue
        values = np.concatenate([batch.inputs[name] for batch in batches])
        if one.labels is not None:
            result["categories"][name] = {"accuracy": float(np.mean(values == found))}
            continue
        matched = metrics.matched_accuracy(
            values, found, num_categories=one.size, num_classes=classes
        )
        result["categories"][name] = {
            "accuracy": matched.accuracy,
            "classes": matched.classes.tolist(),
            "counts": matched.counts.tolist(),
        }
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--workdir", required=True, help="the folder of a run, of labeled data")
    add("--num-images", type=int, default=2000)
    add("--seed", type=int, default=0)
    add("--steps", type=int, default=1500, help="of the classifier's training")
    add("--json", type=Path, help="where to write the numbers")
    options = parser.parse_args(arguments)
    result = measure(options.workdir, options.num_images, options.seed, options.steps)
    print(
        f"step {result['step']:,}, {result['images']:,} images, classifier accuracy "
        f"{result['classifier_accuracy']:.1%} on images that it was not trained on"
    )
    for name, found in result["categories"].items():
        matched = f", matched with {found['classes']}" if "classes" in found else ""
        print(f"{name}: accuracy {found['accuracy']:.1%}{matched}")
    if options.json:
        write_json(options.json, {**conditions(), **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
