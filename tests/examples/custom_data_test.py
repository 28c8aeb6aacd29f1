"""The programs of docs/custom_data.md that need nothing but this project's packages."""

import pathlib
import re

import numpy as np

from gan_jax import data

ROOT = pathlib.Path(__file__).parents[2]


def test_arrays_are_written_and_nested_folders_are_moved_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "custom_data.md").read_text()
    _, arrays, nested = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    np.save("images.npy", images)
    exec(arrays, {})
    loaded = data.load("folder:my_images", image_size=8)
    np.testing.assert_array_equal(loaded.arrays["image"], images)
    for file in ("nested/a/x/1.jpg", "nested/a/y/z/1.jpg", "nested/a/2.jpg", "nested/b/x/3.jpg"):
        pathlib.Path(file).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(file).write_bytes(b"")
    exec(nested, {})
    found = {str(path) for path in pathlib.Path("nested").rglob("*.jpg")}
    assert found == {"nested/a/x_1.jpg", "nested/a/y_z_1.jpg", "nested/a/2.jpg", "nested/b/x_3.jpg"}
