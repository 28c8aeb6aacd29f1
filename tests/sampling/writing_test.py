"""Images to files as they come: whole, or not at all."""

import gc
import os
import pathlib
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from gan_jax import sampling
from gan_jax.sampling import Labeled, writing

IMAGES = np.arange(5 * 2 * 3 * 1, dtype=np.uint8).reshape(5, 2, 3, 1)
LABELS = np.array([4, 0, 4, 1, 12], np.int32)


def batches(*, labels=False, size=2):
    for start in range(0, len(IMAGES), size):
        part = slice(start, start + size)
        yield Labeled(IMAGES[part], {"label": LABELS[part]} if labels else {})


def test_a_folder_holds_the_images_by_number_and_label(tmp_path):
    sampling.save_images(tmp_path / "new" / "folder", batches(labels=True), 5)
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == [
        f"0000{i}_label{label}.png" for i, label in enumerate(LABELS)
    ]
    for file, image in zip(files, IMAGES, strict=True):
        np.testing.assert_array_equal(Image.open(file), image[..., 0])
    sampling.save_images(tmp_path / "plain", batches(), 5)
    assert {file.name for file in (tmp_path / "plain").iterdir()} == {
        f"0000{i}.png" for i in range(5)
    }
    assert {path.name for path in tmp_path.iterdir()} == {"new", "plain"}


def test_a_name_has_as_many_digits_as_the_largest_number_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_check_count", lambda done, count: None)
    sampling.save_images(tmp_path / "many", batches(), 1_000_000)
    assert (tmp_path / "many" / "000004.png").exists()


@pytest.mark.parametrize("labels", [True, False])
def test_an_npz_holds_the_images(tmp_path, labels):
    path = tmp_path / "new" / "a.npz"
    sampling.save_npz(path, batches(labels=labels), 5)
    with np.load(path) as held:
        assert list(held) == ["images", "labels"][: 1 + labels]
        np.testing.assert_array_equal(held["images"], IMAGES)
        assert held["images"].dtype == np.uint8
        if labels:
            np.testing.assert_array_equal(held["labels"], LABELS)
            assert held["labels"].dtype == np.int32
    sampling.save_npz(tmp_path / "b.npz", batches(labels=labels, size=5), 5)
    # In whatever batches, at whatever time.
    assert path.read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("save", [sampling.save_images, sampling.save_npz])
def test_memory_does_not_grow_with_the_number_of_images(tmp_path, save):
    image = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)

    def batches(count):
        for _ in range(count // 4):
            # What the encoder leaves to the collector is not held by us.
            gc.collect()
            yield Labeled(image, {})

    def peak(count):
        tracemalloc.start()
        save(tmp_path / f"{count}.npz", batches(count), count)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # What was there before is left out of the collections, which take a second each with it.
    gc.freeze()
    try:
        peak(4)
        few, many = peak(8), peak(80)
    finally:
        gc.unfreeze()
    assert many - few < 0.1 * 72 * image[0].nbytes


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    sampling.save_images(tmp_path / "empty", batches(), 5)
    never = (pytest.fail("images were generated") for _ in range(1))
    for path in (tmp_path / "full", tmp_path / "file", tmp_path / "empty"):
        with pytest.raises(FileExistsError, match="give a new --output"):
            sampling.save_images(path, never, 5)
    with pytest.raises(FileExistsError, match="give a new --output"):
        sampling.save_npz(tmp_path / "file", never, 5)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("save", [sampling.save_images, sampling.save_npz])
@pytest.mark.parametrize("count", [4, 6])
def test_another_count_than_promised_leaves_nothing(tmp_path, save, count):
    with pytest.raises(ValueError, match=f"{count} images were promised, 5 came"):
        save(tmp_path / "a.npz", batches(), count)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("save", [sampling.save_images, sampling.save_npz])
def test_an_interruption_leaves_nothing(tmp_path, save):
    def interrupted():
        yield from batches(size=3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "a.npz", interrupted(), 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full disk")
@pytest.mark.parametrize("save", [sampling.save_images, sampling.save_npz])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, save, monkeypatch):
    whole = writing._File.__init__

    def onto_a_full_disk(self, path, shown):
        whole(self, path, shown)
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), self.fileno())

    def refuse(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing._File, "__init__", onto_a_full_disk)
    monkeypatch.setattr(pathlib.Path, "write_bytes", refuse)
    with pytest.raises(OSError, match=r"could not write .*a\.npz: no space left on device"):
        save(tmp_path / "a.npz", batches(), 5)
    assert list(tmp_path.iterdir()) == []
