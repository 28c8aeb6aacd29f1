"""The flags of the command line, but for `--config`."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

# They belong to whoever calls `define`, whose `--help` lists them.
flags.disclaim_key_flags()


def define(modes: Sequence[str]) -> None:
    """Defines the flags, once in a process.

    Args:
      modes: What `--mode` may be.
    """
    flags.DEFINE_string("workdir", None, "The folder of the run.")
    flags.DEFINE_string("mode", "train", f"One of {', '.join(modes)}.")
    flags.DEFINE_bool(
        "distributed", False, "Join the other processes of this run (jax.distributed.initialize)."
    )
    flags.DEFINE_string(
        "coordinator", None, "distributed: HOST:PORT of process 0, where no cluster tells it."
    )
    flags.DEFINE_integer("num_processes", None, "distributed: how many, with --coordinator.")
    flags.DEFINE_integer("process_id", None, "distributed: which of them this is, from 0.")

    flags.DEFINE_string(
        "output",
        None,
        "sample: a .png (a grid), a .npz, or a new folder of PNGs; a grid by default. "
        "report: the page, report.html in the (first) workdir by default.",
    )
    flags.DEFINE_integer(
        "num_images",
        None,
        "sample: how many images to a folder or .npz. evaluate: how many to score.",
    )
    flags.DEFINE_integer(
        "checkpoint_step", None, "sample, report: the checkpoint; the newest by default."
    )
    flags.DEFINE_bool("best", False, "sample: from the checkpoint that scored best.")
    flags.DEFINE_list(
        "classes", [], "sample: names or labels; all that were trained on by default."
    )
    flags.DEFINE_integer("columns", 10, "sample: pictures in a row of the grid.")
    flags.DEFINE_bool("interpolate", False, "sample: every row goes from one latent to another.")
    flags.DEFINE_float(
        "truncation", 0.0, "sample, evaluate: bound on the latents' entries, 0 for none."
    )
    flags.DEFINE_bool(
        "ema", True, "sample, evaluate, report: averaged weights, where there are any."
    )
    flags.DEFINE_integer("sample_seed", 0, "sample, evaluate, report: of the noise.")

    flags.DEFINE_string("images", None, "evaluate: a folder of images or a .npz instead of a run.")
    flags.DEFINE_string(
        "checkpoints", "", "evaluate: all, best, 100,200 or 100:2000; the newest by default."
    )
    flags.DEFINE_string("split", "", "evaluate: of the real images; the config's by default.")
    flags.DEFINE_string(
        "extractor", None, "evaluate, report: inception or efficientnet_lite0 (needs no download)."
    )
    flags.DEFINE_string("weights", None, "evaluate, report: the extractor's file of weights.")
    flags.DEFINE_list("metrics", [], "evaluate: which scores; all by default.")
    flags.DEFINE_integer("num_real", 0, "evaluate: how many real images, 0 for all.")
    flags.DEFINE_integer("eval_batch_size", 64, "evaluate: images at a time over all devices.")

    flags.DEFINE_list("compare", [], "report: further workdirs, set beside --workdir on one page.")
    flags.DEFINE_integer(
        "neighbor_images", None, "report: training images to search for nearest neighbours."
    )

    flags.DEFINE_list("batch_sizes", [], "benchmark: batch sizes; the config's by default.")
    flags.DEFINE_list("precisions", [], "benchmark: of float32, bfloat16; the config's by default.")
    flags.DEFINE_list("parallel_modes", [], "benchmark: of jit, pmap; the config's by default.")
    flags.DEFINE_integer("rounds", 5, "benchmark: timed calls of each case, taken in turn.")
    flags.DEFINE_bool("synthetic", False, "benchmark: noise instead of the config's data set.")
    flags.DEFINE_string("json", None, "benchmark, evaluate: where to write the numbers.")
