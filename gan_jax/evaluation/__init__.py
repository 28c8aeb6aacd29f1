"""Scores of images against real ones, by a stated protocol."""

from gan_jax.evaluation.classifier import classify, train_classifier
from gan_jax.evaluation.evaluator import Evaluator
from gan_jax.evaluation.reference import Reference, make_reference
from gan_jax.evaluation.samples import (
    SampleEvaluator,
    label_frequencies,
    make_evaluator,
    make_sample_evaluator,
    stream_of,
)

__all__ = [
    "Evaluator",
    "Reference",
    "SampleEvaluator",
    "classify",
    "label_frequencies",
    "make_evaluator",
    "make_reference",
    "make_sample_evaluator",
    "stream_of",
    "train_classifier",
]
