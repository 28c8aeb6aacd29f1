"""torch-fidelity's statistics of given features, in an environment that has PyTorch.

    python metrics_torch_worker.py FOLDER

reads FOLDER/settings.json ({case: {"subsets", "subset_size", "splits", "neighbors", "seed"}}) and
FOLDER/CASE.npz (real [N, D], fake [M, D], logits [M, K], float32), and prints one JSON object: the
versions, and for each case and precision of the features the statistics and the seconds each took.

Needs torch, torch-fidelity, NumPy and SciPy. torch-fidelity imports torchvision for data sets and
networks that are not used here; where it is not installed, empty modules stand in for it.
"""

import json
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torchvision_stand_in import stand_in_for_torchvision

stand_in_for_torchvision()
from torch_fidelity.metric_fid import (  # noqa: E402
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_isc import isc_features_to_metric  # noqa: E402
from torch_fidelity.metric_kid import kid_features_to_metric  # noqa: E402
from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: E402


def statistics(real, fake, logits, settings) -> tuple[dict[str, float], dict[str, float]]:
    """All of torch-fidelity's statistics of one case, and the seconds of each group."""
    values, seconds = {}, {}

    def run(name, function, keys) -> None:
        start = time.perf_counter()
        answer = function()
        seconds[name] = time.perf_counter() - start
        values.update({ours: answer[theirs] for ours, theirs in keys.items()})

    def inception_score(shuffle):
        return lambda: isc_features_to_metric(logits, settings["splits"], shuffle, settings["seed"])

    run(
        "fid",
        lambda: fid_statistics_to_metric(
            fid_features_to_statistics(fake), fid_features_to_statistics(real), False
        ),
        {"fid": "frechet_inception_distance"},
    )
    run(
        "kid",
        lambda: kid_features_to_metric(
            fake,
            real,
            kid_subsets=settings["subsets"],
            kid_subset_size=settings["subset_size"],
            rng_seed=settings["seed"],
            verbose=False,
        ),
        {"kid": "kernel_inception_distance_mean", "kid_std": "kernel_inception_distance_std"},
    )
    for name, shuffle in (("inception_score", False), ("inception_score_shuffled", True)):
        run(
            name,
            inception_score(shuffle),
            {name: "inception_score_mean", f"{name}_std": "inception_score_std"},
        )
    run(
        "precision_recall",
        lambda: prc_features_to_metric(
            fake, real, prc_neighborhood=settings["neighbors"], verbose=False
        ),
        {"precision": "precision", "recall": "recall"},
    )
    return values, seconds


def main() -> None:
    folder = Path(sys.argv[1])
    cases = {}
    for name, settings in json.loads((folder / "settings.json").read_text()).items():
        arrays = np.load(folder / f"{name}.npz")
        for precision in (torch.float32, torch.float64):
            real, fake, logits = (
                torch.from_numpy(arrays[key]).to(precision) for key in ("real", "fake", "logits")
            )
            values, seconds = statistics(real, fake, logits, settings)
            key = str(precision).removeprefix("torch.")
            cases.setdefault(name, {})[key] = {"values": values, "seconds": seconds}
            print(f"torch-fidelity: {name} in {key} done", file=sys.stderr)
    versions = {name: metadata.version(name) for name in ("torch", "torch-fidelity", "numpy")}
    print(json.dumps({"versions": versions, "cases": cases}))


if __name__ == "__main__":
    main()
