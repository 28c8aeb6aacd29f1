"""torch-fidelity's Inception-v3 on given images, in an environment that has PyTorch.

    python inception_torch_worker.py FOLDER SEED BATCH_SIZE

reads FOLDER/images_NAME.npy (uint8 [N, H, W, 3]), writes FOLDER/weights.pth (random weights of
torch-fidelity's own network, by torch.save), FOLDER/legacy.pth (the same in the older format),
FOLDER/torch_NAME.npz (pixels after the resize; features, logits without bias, biased_logits), and
prints one JSON object: versions, the number of parameters, and its speed on images of 32 pixels.

Needs torch, torch-fidelity and NumPy. torch-fidelity imports torchvision for data sets and networks
that are not used here; where it is not installed, empty modules stand in for it.
"""

import json
import math
import sys
from importlib import metadata
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from inception_speed import SPEED_BATCH, best_speed
from torchvision_stand_in import stand_in_for_torchvision

OUTPUTS = ["2048", "logits_unbiased", "logits"]


stand_in_for_torchvision()
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: E402
from torch_fidelity.interpolate_compat_tensorflow import (  # noqa: E402
    interpolate_bilinear_2d_like_tensorflow1x,
)


def random_state(empty_file: Path, seed: int) -> dict[str, torch.Tensor]:
    """Weights that keep activations alive: kernels scaled by their inputs, random statistics."""
    torch.save({}, empty_file)
    with mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"):
        network = FeatureExtractorInceptionV3("random", OUTPUTS, str(empty_file))
    generator = torch.Generator().manual_seed(seed)

    def draw(name: str, value: torch.Tensor) -> torch.Tensor:
        normal = torch.randn(value.shape, generator=generator) if value.ndim else value
        uniform = torch.rand(value.shape, generator=generator) if value.ndim else value
        kind = name.rpartition(".")[2]
        if kind == "num_batches_tracked":
            return torch.tensor(1)
        if kind == "running_var":
            return 0.5 + uniform
        if kind == "running_mean" or kind == "bias":
            return 0.2 * normal
        if value.ndim == 1:
            return 0.75 + 0.5 * uniform
        return normal * math.sqrt((2 if value.ndim == 4 else 1) / value[0].numel())

    return {name: draw(name, value) for name, value in network.state_dict().items()}


def extract(network, images: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Features, logits without bias, logits."""
    parts = []
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(images[start : start + batch_size]).permute(0, 3, 1, 2)
        parts.append([output.numpy() for output in network(batch.contiguous())])
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def resized(images: np.ndarray) -> np.ndarray:
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    pixels = interpolate_bilinear_2d_like_tensorflow1x(pixels, (299, 299), align_corners=False)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def main() -> int:
    folder, seed, batch_size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    state = random_state(folder / "empty.pth", seed)
    torch.save(state, folder / "weights.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    network = FeatureExtractorInceptionV3("random", OUTPUTS, str(folder / "weights.pth"))
    for path in sorted(folder.glob("images_*.npy")):
        name, images = path.stem.removeprefix("images_"), np.load(path)
        features, logits, biased = extract(network, images, batch_size)
        np.savez(
            folder / f"torch_{name}.npz",
            pixels=resized(images),
            features=features,
            logits=logits,
            biased_logits=biased,
        )
        print(f"torch-fidelity: {name} done", file=sys.stderr)
    packages = {name: metadata.version(name) for name in ("torch", "torch-fidelity", "numpy")}
    parameters = sum(p.numel() for p in network.parameters())
    images = np.zeros((SPEED_BATCH, 32, 32, 3), np.uint8)
    speed = best_speed(lambda: extract(network, images, SPEED_BATCH), SPEED_BATCH)
    print(json.dumps({"versions": packages, "parameters": parameters, "speed": speed}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
