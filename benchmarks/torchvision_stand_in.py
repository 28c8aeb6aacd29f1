"""torchvision, as far as torch-fidelity's imports ask for it."""

import importlib.util
import sys
import types


def stand_in_for_torchvision() -> None:
    """Puts empty modules in its place where it is not installed: nothing of it is used here."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    for name in ("", ".datasets", ".transforms", ".transforms.functional"):
        sys.modules[f"torchvision{name}"] = types.ModuleType(f"torchvision{name}")
    for name in ("CIFAR10", "CIFAR100", "STL10"):
        setattr(sys.modules["torchvision.datasets"], name, object)
