"""Loading of digits and folders, choice of classes, the cache behind it."""

import errno
import logging
import os

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import decoding, sources


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


def save(path, color, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Three classes of plain colours: 4 cats, 3 dogs, 2 owls, and what is to be passed over."""
    root = tmp_path / "pets"
    for value in range(4):
        save(root / "cat" / f"{value}.png", (value, 0, 0))
    for value in range(3):
        save(root / "dog" / f"{value}.PNG", (0, 10 + value, 0))
    for value in range(2):
        save(root / "owl" / f"{value}.bmp", (0, 0, 20 + value))
    save(root / ".hidden" / "0.png", (99, 99, 99))
    save(root / "cat" / ".thumbnail.png", (99, 99, 99))
    save(root / "cat" / "nested" / "0.png", (99, 99, 99))
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "empty").mkdir()
    return root


def load(path, cache_dir, **options):
    options = {"image_size": 8, "progress": False, **options}
    return data.load(f"folder:{path}", cache_dir=cache_dir, **options)


def test_digits():
    dataset = data.load("digits", progress=False)
    assert dataset.images.shape == (1797, 32, 32, 1)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int32
    assert dataset.class_names == tuple("0123456789")
    assert dataset.present_classes == tuple(range(10))
    assert len(dataset) == 1797
    assert not dataset.images.flags.writeable
    assert not dataset.labels.flags.writeable
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    np.testing.assert_array_equal(dataset.labels, labels)
    # Four-by-four blocks keep the brightness of the pixel that they came from.
    blocks = dataset.images.reshape(1797, 8, 4, 8, 4).mean((2, 4)) / (255 / 16)
    assert np.abs(blocks - small.reshape(-1, 8, 8)).mean() < 1.0
    assert np.corrcoef(blocks.ravel(), small.ravel())[0, 1] > 0.98
    assert dataset.images.min() == 0
    assert dataset.images.max() == 255


def test_digits_at_other_sizes():
    dataset = data.load("digits", image_size=8, channels=3, classes=[3, "7"])
    assert dataset.images.shape[1:] == (8, 8, 3)
    assert dataset.present_classes == (3, 7)
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    kept = small[np.isin(labels, (3, 7))].reshape(-1, 8, 8)
    for channel in range(3):
        error = np.abs(dataset.images[..., channel] - kept * (255 / 16))
        assert error.max() <= 0.5


def test_folder_of_class_folders(folder, cache_dir):
    dataset = load(folder, cache_dir)
    assert isinstance(dataset.images, np.memmap)
    assert dataset.images.shape == (9, 8, 8, 3)
    assert dataset.class_names == ("cat", "dog", "owl")
    assert dataset.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert dataset.images[:, 0, 0].tolist() == [
        *([v, 0, 0] for v in range(4)),
        *([0, 10 + v, 0] for v in range(3)),
        *([0, 0, 20 + v] for v in range(2)),
    ]
    assert dataset.name == f"folder:{folder}"
    assert dataset.split == "train"


def test_folder_of_images_is_one_class(folder, cache_dir):
    dataset = load(folder / "dog", cache_dir)
    assert dataset.class_names == ("dog",)
    assert dataset.labels.tolist() == [0, 0, 0]


def test_folder_of_both_is_ambiguous(folder, cache_dir):
    save(folder / "cover.png", (1, 2, 3))
    with pytest.raises(ValueError, match="both images and sub-folders of images"):
        load(folder, cache_dir)


def test_folder_that_is_none(folder, tmp_path, cache_dir):
    with pytest.raises(ValueError, match="does not exist"):
        load(tmp_path / "nowhere", cache_dir)
    with pytest.raises(ValueError, match="is not a folder"):
        load(folder / "cat" / "notes.txt", cache_dir)
    with pytest.raises(ValueError, match="holds no images"):
        load(folder / "empty", cache_dir)
    with pytest.raises(ValueError, match="one split, 'train', not 'test'"):
        load(folder, cache_dir, split="test")


def test_broken_images_are_named_and_left_out(folder, cache_dir, caplog):
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "cat" / "1.png").write_bytes(whole[:40])
    (folder / "dog" / "2.PNG").write_bytes(b"no image at all")
    save(folder / "owl" / "deep.png", 40_000, mode="I;16")
    for _ in range(2):  # decoded, then cached
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            dataset = load(folder, cache_dir)
        assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 2, 2]
        assert dataset.images[:, 0, 0].max(-1).tolist() == [0, 2, 3, 10, 11, 20, 21]
        (record,) = caplog.records
        assert "skipped 3 of 10 images" in record.getMessage()
        assert "1.png" in record.getMessage()
        assert "2.PNG" in record.getMessage()
        assert "deep.png (more than 8 bits a channel)" in record.getMessage()
        assert "\n" not in record.getMessage()


def test_a_whole_batch_of_broken_images(folder, cache_dir, monkeypatch):
    monkeypatch.setattr(decoding, "_BATCH", 2)
    for name in ("0.png", "1.png", "2.png"):
        (folder / "cat" / name).write_bytes(b"?")
    assert load(folder, cache_dir).labels.tolist() == [0, 1, 1, 1, 2, 2]


def test_only_broken_images(tmp_path, cache_dir):
    for i in range(3):
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / "bad" / f"{i}.jpg").write_bytes(b"?")
    with pytest.raises(ValueError, match="none of the 3 images"):
        load(tmp_path / "bad", cache_dir)
    assert list(cache_dir.iterdir()) == []


def test_a_class_with_no_readable_image_is_named(folder, cache_dir):
    for path in (folder / "owl").iterdir():
        path.write_bytes(b"?")
    with pytest.raises(ValueError, match="has no image of: owl"):
        load(folder, cache_dir, classes=["owl"])
    assert load(folder, cache_dir).present_classes == (0, 1)


def test_other_sizes_are_cut_to_the_centre_square(tmp_path):
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = (10, 200, 30)
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    for size in (8, 4, 16):
        decoded = sources.decode(path, size, 3)
        assert decoded.shape == (size, size, 3)
        assert np.abs(decoded.astype(int) - (10, 200, 30)).max() <= 1


def test_shrinking_is_antialiased(tmp_path):
    checks = ((np.indices((64, 64)).sum(0) % 2) * 255).astype(np.uint8)
    path = tmp_path / "checks.png"
    Image.fromarray(checks).save(path)
    assert np.abs(sources.decode(path, 16, 1)[2:-2, 2:-2].astype(int) - 127.5).max() < 3


def test_channels(tmp_path, cache_dir):
    save(tmp_path / "gray" / "0.png", 7, mode="L")
    save(tmp_path / "mixed" / "0.png", 7, mode="L")
    save(tmp_path / "mixed" / "1.png", (255, 0, 0))
    assert load(tmp_path / "gray", cache_dir).images.shape == (1, 8, 8, 1)
    assert load(tmp_path / "gray", cache_dir, channels=3).images[0, 0, 0].tolist() == [7, 7, 7]
    mixed = load(tmp_path / "mixed", cache_dir)
    assert mixed.images[:, 0, 0].tolist() == [[7, 7, 7], [255, 0, 0]]
    luma = load(tmp_path / "mixed", cache_dir, channels=1)
    assert luma.images[:, 0, 0].tolist() == [[7], [76]]  # 0.299 * 255


def test_transparency_palette_and_orientation(tmp_path):
    save(tmp_path / "clear.png", (255, 0, 0, 0), mode="RGBA")
    assert sources.decode(tmp_path / "clear.png", 8, 3)[0, 0].tolist() == [255, 255, 255]
    Image.new("RGB", (8, 8), (10, 20, 30)).quantize().save(tmp_path / "palette.png")
    assert sources.decode(tmp_path / "palette.png", 8, 3)[0, 0].tolist() == [10, 20, 30]
    image = Image.fromarray(np.repeat(np.arange(8, dtype=np.uint8)[:, None] * 30, 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # half a turn
    image.save(tmp_path / "turned.png", exif=exif)
    assert sources.decode(tmp_path / "turned.png", 8, 1)[:, 0, 0].tolist() == [
        30 * v for v in reversed(range(8))
    ]


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (["dog"], {1}),
        ([1], {1}),
        (["2", "cat"], {0, 2}),
        ("owl, dog", {1, 2}),
        ([np.int32(0)], {0}),
        (2, {2}),
        (["dog", 1, "1"], {1}),
        (["cat", "dog", "owl"], {0, 1, 2}),
    ],
)
def test_classes_are_kept_with_their_numbers(folder, cache_dir, classes, labels):
    dataset = load(folder, cache_dir, classes=classes)
    everything = load(folder, cache_dir)
    rows = np.flatnonzero(np.isin(everything.labels, list(labels)))
    assert set(dataset.present_classes) == labels
    assert dataset.class_names == ("cat", "dog", "owl")
    np.testing.assert_array_equal(dataset.labels, everything.labels[rows])
    np.testing.assert_array_equal(dataset.images, everything.images[rows])
    assert isinstance(dataset.images, np.memmap)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["dgo"], r"unknown class 'dgo'.*did you mean 'dog'\?"),
        (["zebra"], "unknown class 'zebra'.*valid: 'cat', 'dog', 'owl'"),
        ([3], "label 3 is out of range.*0 to 2"),
        (["-1"], "label -1 is out of range.*0 to 2"),
        ([1.5], "a class is a name or a label, not 1.5"),
        ([True], "a class is a name or a label, not True"),
        ([], "classes is empty"),
        ("", "classes is empty"),
    ],
)
def test_wrong_classes(folder, cache_dir, classes, message):
    with pytest.raises(ValueError, match=message):
        load(folder, cache_dir, classes=classes)
    assert not cache_dir.exists()  # told before anything was decoded


def test_class_groups():
    from gan_jax.data.dataset import class_labels

    names = tuple("abcdefghij")
    assert class_labels("vehicles", names, name="cifar10") == (0, 1, 8, 9)
    assert class_labels(["animals"], names, name="cifar10:3.0.2") == (2, 3, 4, 5, 6, 7)
    with pytest.raises(ValueError, match="unknown class 'animals'"):
        class_labels(["animals"], names, name="cifar100")
    with pytest.raises(ValueError, match="has no labels"):
        class_labels([0], (), name="faces")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "image_size"),
        ({"image_size": 8.0}, "image_size"),
        ({"channels": 2}, "channels"),
    ],
)
def test_wrong_options(folder, cache_dir, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, cache_dir, **options)


def test_digits_has_one_split():
    with pytest.raises(ValueError, match=r"no split 'trian'; did you mean 'train'\?"):
        data.load("digits", split="trian")


@pytest.fixture
def decoded_names(monkeypatch):
    names = []
    decode = sources.decode

    def counted(encoded, image_size, channels):
        names.append(encoded)
        return decode(encoded, image_size, channels)

    monkeypatch.setattr(sources, "decode", counted)
    return names


def test_images_are_decoded_once(folder, cache_dir, decoded_names):
    load(folder, cache_dir)
    assert len(decoded_names) == 9
    load(folder, cache_dir)
    load(folder, cache_dir, classes=["dog"])
    load(folder, cache_dir, classes=["dog"])
    assert len(decoded_names) == 9
    assert len(list(cache_dir.iterdir())) == 2
    load(folder, cache_dir, image_size=4)
    assert len(decoded_names) == 18


def test_a_changed_folder_is_decoded_again(folder, cache_dir):
    load(folder, cache_dir)
    save(folder / "cat" / "9.png", (50, 0, 0))
    assert len(load(folder, cache_dir)) == 10
    save(folder / "cat" / "9.png", (60, 0, 0))
    os.utime(folder / "cat" / "9.png", ns=(1, 1))
    assert load(folder, cache_dir).images[4, 0, 0].tolist() == [60, 0, 0]


def test_a_damaged_cache_is_made_again(folder, cache_dir, decoded_names):
    expected = np.array(load(folder, cache_dir).images)
    (path,) = cache_dir.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    np.testing.assert_array_equal(load(folder, cache_dir).images, expected)
    assert len(decoded_names) == 18


def test_large_images_are_decoded_in_threads_to_the_same(folder, cache_dir, monkeypatch):
    expected = np.array(load(folder, cache_dir).images)
    monkeypatch.setattr(decoding, "_THREADED_BYTES", 0)
    np.testing.assert_array_equal(load(folder, cache_dir / "other").images, expected)


def test_an_unwritable_cache_falls_back_to_memory(folder, tmp_path, cache_dir, caplog):
    expected = load(folder, cache_dir, classes=["dog"])
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        dataset = load(folder, tmp_path / "blocked", classes=["dog"])
    np.testing.assert_array_equal(dataset.images, expected.images)
    np.testing.assert_array_equal(dataset.labels, expected.labels)
    assert not dataset.images.flags.writeable
    assert "cannot write to" in caplog.text
    assert "in memory only" in caplog.text


def test_a_full_disk_is_told(folder, cache_dir, monkeypatch):
    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="the disk is full") as caught:
        load(folder, cache_dir)
    assert str(caught.value).startswith("the disk is full")
    assert list(cache_dir.iterdir()) == []


def test_the_default_cache_is_used(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    data.load(f"folder:{folder}", image_size=8, progress=False)
    assert len(list((tmp_path / "xdg" / "gan_jax").iterdir())) == 1
