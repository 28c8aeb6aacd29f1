"""Folders of images whose names are odd: nothing that names a class breaks."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from configs import common
from gan_jax import data, telemetry
from gan_jax.images import labeled_grid
from gan_jax.modes.report.markup import element
from gan_jax.runs import workdir

NAMES = {
    b"a\nb": "a\\nb",
    b"caf\xe9": "caf\\udce9",
    "caf\u00e9 \u732b".encode(): "caf\u00e9 \u732b",
    b"x" * 255: "x" * 255,
    b"\x1b]0;title\x07": "\\x1b]0;title\\x07",
    b"<script>alert(1)<": "<script>alert(1)<",
    b"%s{0}\\": "%s{0}\\",
    b" ": " ",
}


@pytest.fixture
def dataset(tmp_path):
    """A folder of one image per class."""
    for name in NAMES:
        folder = os.path.join(os.fsencode(tmp_path), b"images", name)
        os.makedirs(folder)
        Image.new("L", (4, 4), len(name) % 256).save(os.fsdecode(os.path.join(folder, b"1.png")))
    return data.load(f"folder:{tmp_path}/images", image_size=4, cache_dir=tmp_path / "cache")


def test_classes_have_printable_names(dataset, tmp_path):
    names = dataset.class_names["label"]
    assert sorted(names) == sorted(NAMES.values())
    assert all(text.encode("utf-8").decode("utf-8") == text for text in names)
    chosen = data.load(
        f"folder:{tmp_path}/images",
        image_size=4,
        cache_dir=tmp_path / "cache",
        classes=["a\\nb", "x" * 255],
    )
    assert len(chosen) == 2


def test_they_go_through_config_log_grid_and_page(dataset, tmp_path):
    info = workdir.DataInfo({"data": dataset.describe()})
    where = workdir.create_or_resume(tmp_path / "run", common.base("odd"), info, steps_matter=False)
    assert workdir.load(where.path)[1].class_names("label") == dataset.class_names["label"]
    log = telemetry.MetricsLog(where.metrics)
    for step, name in enumerate(dataset.class_names["label"]):
        log.write(step, {f"score/{name}": 1.0, "named": name})
    lines = where.metrics.read_text().splitlines()
    assert [json.loads(line) for line in lines] == telemetry.read_metrics(where.metrics)
    grid = labeled_grid(np.asarray(dataset.arrays["image"]), dataset.class_names["label"])
    assert grid.shape[0] > 4 * len(NAMES)
    assert "<script>" not in element("p", *dataset.class_names["label"])


def test_a_flat_folder_has_no_labels(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{i}.png")
    flat = data.load(f"folder:{tmp_path}/images", image_size=4, cache_dir=tmp_path / "cache")
    assert list(flat.arrays) == ["image"]
    assert dict(flat.class_names) == {}
    assert flat.specs["image"].num_classes == 0
    assert "label" not in flat.describe()["arrays"]
