"""Loading of digits and folders, choice of classes, the cache behind it."""

import errno
import logging
import os

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import decoding


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


def save(path, color, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Three classes of plain colors: 4 cats, 3 dogs, 2 owls, and what is to be ignored."""
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


def decode(path, size, channels):
    return decoding.decode(path, (size, size), channels)["image"]


def test_digits():
    dataset = data.load("digits", progress=False)
    assert dataset.arrays["image"].shape == (1797, 32, 32, 1)
    assert dataset.arrays["image"].dtype == np.uint8
    assert dataset.arrays["label"].dtype == np.int32
    assert dataset.class_names["label"] == tuple("0123456789")
    assert dataset.present_classes("label") == tuple(range(10))
    assert len(dataset) == 1797
    assert not dataset.arrays["image"].flags.writeable
    assert not dataset.arrays["label"].flags.writeable
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    np.testing.assert_array_equal(dataset.arrays["label"], labels)
    # Four-by-four blocks keep the brightness of the pixel that they came from.
    blocks = dataset.arrays["image"].reshape(1797, 8, 4, 8, 4).mean((2, 4)) / (255 / 16)
    assert np.abs(blocks - small.reshape(-1, 8, 8)).mean() < 1.0
    assert np.corrcoef(blocks.ravel(), small.ravel())[0, 1] > 0.98
    assert dataset.arrays["image"].min() == 0
    assert dataset.arrays["image"].max() == 255


def test_digits_at_other_sizes():
    dataset = data.load("digits", image_size=8, channels=3, classes=[3, "7"])
    assert dataset.arrays["image"].shape[1:] == (8, 8, 3)
    assert dataset.present_classes("label") == (3, 7)
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    kept = small[np.isin(labels, (3, 7))].reshape(-1, 8, 8)
    for channel in range(3):
        error = np.abs(dataset.arrays["image"][..., channel] - kept * (255 / 16))
        assert error.max() <= 0.5


def test_folder_of_class_folders(folder, cache_dir):
    dataset = load(folder, cache_dir)
    assert isinstance(dataset.arrays["image"], np.memmap)
    assert dataset.arrays["image"].shape == (9, 8, 8, 3)
    assert dataset.class_names["label"] == ("cat", "dog", "owl")
    assert dataset.arrays["label"].tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert dataset.arrays["image"][:, 0, 0].tolist() == [
        *([v, 0, 0] for v in range(4)),
        *([0, 10 + v, 0] for v in range(3)),
        *([0, 0, 20 + v] for v in range(2)),
    ]
    assert dataset.name == f"folder:{folder}"
    assert dataset.split == "train"


def test_folder_of_images_has_no_labels(folder, cache_dir):
    dataset = load(folder / "dog", cache_dir)
    assert set(dataset.arrays) == {"image"}
    assert dataset.class_names == {}
    assert len(dataset) == 3
    with pytest.raises(ValueError, match="has no labels"):
        load(folder / "dog", cache_dir, classes=["dog"])


def test_folder_of_one_class_folder_has_labels(folder, cache_dir):
    save(folder.parent / "one" / "dog" / "0.png", 1, mode="L")
    dataset = load(folder.parent / "one", cache_dir)
    assert dataset.class_names == {"label": ("dog",)}
    assert dataset.arrays["label"].tolist() == [0]


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
        assert dataset.arrays["label"].tolist() == [0, 0, 0, 1, 1, 2, 2]
        assert dataset.arrays["image"][:, 0, 0].max(-1).tolist() == [0, 2, 3, 10, 11, 20, 21]
        (record,) = caplog.records
        assert "skipped 3 of 10 images" in record.getMessage()
        assert "1.png" in record.getMessage()
        assert "2.PNG" in record.getMessage()
        assert "deep.png (more than 8 bits per channel)" in record.getMessage()
        assert "\n" not in record.getMessage()


def test_a_whole_batch_of_broken_images(folder, cache_dir, monkeypatch):
    monkeypatch.setattr(decoding, "_BATCH", 2)
    for name in ("0.png", "1.png", "2.png"):
        (folder / "cat" / name).write_bytes(b"?")
    assert load(folder, cache_dir).arrays["label"].tolist() == [0, 1, 1, 1, 2, 2]


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
    assert load(folder, cache_dir).present_classes("label") == (0, 1)


def test_other_sizes_are_cut_to_the_center_square(tmp_path):
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = (10, 200, 30)
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    for size in (8, 4, 16):
        decoded = decode(path, size, 3)
        assert decoded.shape == (size, size, 3)
        assert np.abs(decoded.astype(int) - (10, 200, 30)).max() <= 1


@pytest.mark.parametrize(
    ("image", "size", "part"),
    [
        ((8, 24), (8, 8), (8, 8)),
        ((24, 8), (4, 4), (8, 8)),
        ((8, 24), (4, 8), (8, 16)),
        ((24, 8), (6, 4), (12, 8)),
        ((12, 16), (6, 8), (12, 16)),
        ((9, 9), (3, 9), (3, 9)),
        ((5, 64), (1, 64), (1, 64)),
        ((2, 3), (64, 1), (2, 1)),
    ],
)
def test_the_center_part_of_the_wanted_aspect_is_kept(tmp_path, image, size, part):
    pixels = np.zeros(image, np.uint8)
    top, left = (image[0] - part[0]) // 2, (image[1] - part[1]) // 2
    pixels[top : top + part[0], left : left + part[1]] = 200
    Image.fromarray(pixels).save(tmp_path / "image.png")
    decoded = decoding.decode(tmp_path / "image.png", size, 1)["image"]
    assert decoded.shape == (*size, 1)
    assert (decoded == 200).all()
    assert (pixels != 200).any() or image == part


def test_images_that_are_not_square(folder, cache_dir):
    dataset = load(folder, cache_dir, image_size=(4, 6))
    assert dataset.arrays["image"].shape == (9, 4, 6, 3)
    assert load(folder, cache_dir, image_size=[6, 4]).arrays["image"].shape == (9, 6, 4, 3)
    assert len(list(cache_dir.iterdir())) == 2
    digits = data.load("digits", image_size=(8, 16), classes=[3])
    whole = data.load("digits", image_size=16, classes=[3])
    # Twice as wide as high: the middle four rows of eight.
    assert (
        np.corrcoef(digits.arrays["image"].ravel(), whole.arrays["image"][:, 4:12].ravel())[0, 1]
        > 0.98
    )


@pytest.fixture
def pairs(tmp_path):
    """Three pairs: red left, green right, with their number in blue."""
    for value in range(3):
        pixels = np.zeros((8, 16, 3), np.uint8)
        pixels[:, :8] = (200, 0, value)
        pixels[:, 8:] = (0, 100, value)
        (tmp_path / "pairs").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "pairs" / f"{value}.png")
    return tmp_path / "pairs"


def test_pairs_lie_side_by_side(pairs, cache_dir):
    dataset = load(pairs, cache_dir, layout="side_by_side")
    assert set(dataset.arrays) == {"left", "right"}
    for name, color in (("left", (200, 0)), ("right", (0, 100))):
        assert dataset.arrays[name].shape == (3, 8, 8, 3)
        for value in range(3):
            assert (dataset.arrays[name][value] == (*color, value)).all()
    small = load(pairs, cache_dir, layout="side_by_side", image_size=(2, 4), channels=1)
    assert small.arrays["right"].shape == (3, 2, 4, 1)
    # 100 of green, and nothing of the other half.
    assert set(small.arrays["right"].ravel().tolist()) == {59}
    whole = load(pairs, cache_dir, image_size=(8, 16))
    np.testing.assert_array_equal(whole.arrays["image"][:, :, :8], dataset.arrays["left"])
    assert len({d.identity for d in (dataset, small, whole)}) == 3
    assert len(list(cache_dir.iterdir())) == 3


def test_pairs_of_classes_keep_their_labels(folder, cache_dir):
    dataset = load(folder, cache_dir, layout="side_by_side", classes=["dog", "owl"])
    assert set(dataset.arrays) == {"left", "right", "label"}
    assert dataset.arrays["label"].tolist() == [1, 1, 1, 2, 2]
    assert dataset.arrays["right"][:, 0, 0].max(-1).tolist() == [10, 11, 12, 20, 21]


def test_what_is_no_pair_is_refused(pairs, cache_dir):
    save(pairs / "3.png", (1, 2, 3), size=(15, 8))
    with pytest.raises(ValueError, match=r"3.png is 15 pixels wide; .* an even width$"):
        load(pairs, cache_dir, layout="side_by_side")
    assert list(cache_dir.iterdir()) == []
    with pytest.raises(ValueError, match="'digits' are no pairs"):
        data.load("digits", layout="side_by_side")


def test_domains_are_streams_of_their_images(folder, pairs, cache_dir):
    def settings(path, **options):
        given = {"image_size": 8, "progress": False, "cache_dir": cache_dir}
        return {"name": f"folder:{path}", **given, **options}

    streams = data.load_streams(
        {"a": settings(folder, classes=["dog"]), "b": settings(pairs, channels=1)}
    )
    assert {name: set(dataset.arrays) for name, dataset in streams.items()} == {
        "a": {"a"},
        "b": {"b"},
    }
    assert streams["a"].specs["a"].shape == (8, 8, 3)
    assert streams["b"].specs["b"].shape == (8, 8, 1)
    assert len(streams["a"]) == len(streams["b"]) == 3
    assert streams["a"].class_names == {}
    assert streams["a"].identity == load(folder, cache_dir, classes=["dog"]).identity
    with pytest.raises(ValueError, match="domain 'b' has pairs of images"):
        data.load_streams({"b": settings(pairs, layout="side_by_side")})


@pytest.mark.parametrize("failures", [1, 2])
def test_a_file_that_could_not_be_read_is_read_another_time(
    folder, cache_dir, caplog, monkeypatch, failures
):
    read, left = decoding.open_image, [failures]

    def fail_at_first(encoded):
        if encoded.name == "1.PNG" and left[0]:
            left[0] -= 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return read(encoded)

    monkeypatch.setattr(decoding, "open_image", fail_at_first)
    # Once is not noticed; what fails again is left out this time, and not the next.
    assert len(load(folder, cache_dir, channels=3)) == (9 if failures == 1 else 8)
    assert ("skipped 1 of 9" in caplog.text) == (failures == 2)
    assert ("1.PNG" in caplog.text) == (failures == 2)
    assert len(load(folder, cache_dir, channels=3)) == 9


def test_identity_is_of_what_was_decoded_not_of_where_it_lay(folder, tmp_path, cache_dir):
    first = load(folder, cache_dir)
    moved = folder.rename(tmp_path / "moved")
    for path in moved.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    again = load(moved, tmp_path / "other")
    assert again.identity == load(moved, tmp_path / "other").identity == first.identity
    (tmp_path / "blocked").write_text("a file where the folder should be")
    assert load(moved, tmp_path / "blocked").identity == first.identity
    subset = load(moved, cache_dir, classes=["dog"])
    others = [subset, load(moved, cache_dir, image_size=4), load(moved, cache_dir, channels=1)]
    assert len({first.identity, *(other.identity for other in others)}) == 4
    save(moved / "cat" / "0.png", (9, 9, 9))
    assert load(moved, cache_dir).identity != first.identity


def test_shrinking_is_antialiased(tmp_path):
    checks = ((np.indices((64, 64)).sum(0) % 2) * 255).astype(np.uint8)
    path = tmp_path / "checks.png"
    Image.fromarray(checks).save(path)
    assert np.abs(decode(path, 16, 1)[2:-2, 2:-2].astype(int) - 127.5).max() < 3


def test_channels(tmp_path, cache_dir):
    save(tmp_path / "gray" / "0.png", 7, mode="L")
    save(tmp_path / "mixed" / "0.png", 7, mode="L")
    save(tmp_path / "mixed" / "1.png", (255, 0, 0))
    assert load(tmp_path / "gray", cache_dir).arrays["image"].shape == (1, 8, 8, 1)
    assert load(tmp_path / "gray", cache_dir, channels=3).arrays["image"][0, 0, 0].tolist() == [
        7,
        7,
        7,
    ]
    mixed = load(tmp_path / "mixed", cache_dir)
    assert mixed.arrays["image"][:, 0, 0].tolist() == [[7, 7, 7], [255, 0, 0]]
    luma = load(tmp_path / "mixed", cache_dir, channels=1)
    assert luma.arrays["image"][:, 0, 0].tolist() == [[7], [76]]  # 0.299 * 255


def test_transparency_palette_and_orientation(tmp_path):
    save(tmp_path / "clear.png", (255, 0, 0, 0), mode="RGBA")
    assert decode(tmp_path / "clear.png", 8, 3)[0, 0].tolist() == [255, 255, 255]
    Image.new("RGB", (8, 8), (10, 20, 30)).quantize().save(tmp_path / "palette.png")
    assert decode(tmp_path / "palette.png", 8, 3)[0, 0].tolist() == [10, 20, 30]
    image = Image.fromarray(np.repeat(np.arange(8, dtype=np.uint8)[:, None] * 30, 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # half a turn
    image.save(tmp_path / "turned.png", exif=exif)
    assert decode(tmp_path / "turned.png", 8, 1)[:, 0, 0].tolist() == [
        30 * v for v in reversed(range(8))
    ]


def test_a_random_part_is_kept_in_the_cache_and_read_again(folder, cache_dir):
    subset = data.Subset(max_examples=4, seed=3)
    whole, part = load(folder, cache_dir), load(folder, cache_dir, subset=subset)
    np.testing.assert_array_equal(
        part.arrays["image"], whole.arrays["image"][subset.rows(len(whole))]
    )
    files = sorted(cache_dir.iterdir())
    again = load(folder, cache_dir, subset=subset)
    assert (again.identity, sorted(cache_dir.iterdir())) == (part.identity, files)
    others = [data.Subset(max_examples=4), data.Subset(max_examples=5, seed=3)]
    found = {load(folder, cache_dir, subset=other).identity for other in others}
    assert len(found | {part.identity, whole.identity}) == 4


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
    rows = np.flatnonzero(np.isin(everything.arrays["label"], list(labels)))
    assert set(dataset.present_classes("label")) == labels
    assert dataset.class_names["label"] == ("cat", "dog", "owl")
    np.testing.assert_array_equal(dataset.arrays["label"], everything.arrays["label"][rows])
    np.testing.assert_array_equal(dataset.arrays["image"], everything.arrays["image"][rows])
    assert isinstance(dataset.arrays["image"], np.memmap)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["dgo"], r"unknown class of data set .* 'dgo': did you mean 'dog'\?"),
        (["zebra"], "'zebra': did you mean '.*'. There are cat, dog, owl"),
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
    assert not cache_dir.exists()  # Refused before anything was decoded.


def test_class_groups():
    from gan_jax.data import class_labels

    names = tuple("abcdefghij")
    assert class_labels("vehicles", names, name="cifar10") == (0, 1, 8, 9)
    assert class_labels(["animals"], names, name="cifar10:3.0.2") == (2, 3, 4, 5, 6, 7)
    with pytest.raises(ValueError, match="unknown class of data set cifar100 'animals'"):
        class_labels(["animals"], names, name="cifar100")
    with pytest.raises(ValueError, match="has no labels"):
        class_labels([0], (), name="faces")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "image_size"),
        ({"image_size": 8.0}, "image_size"),
        ({"image_size": True}, "image_size"),
        ({"image_size": (8, 0)}, "image_size"),
        ({"image_size": (8, 8, 3)}, r"\(height, width\), is \(8, 8, 3\)"),
        ({"channels": 2}, "channels"),
        ({"layout": "side-by-side"}, "unknown layout 'side-by-side': did you mean 'side_by_side'"),
    ],
)
def test_wrong_options(folder, cache_dir, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, cache_dir, **options)


def test_digits_has_one_split():
    with pytest.raises(
        ValueError, match=r"unknown split of data set digits 'trian': did you mean 'train'\?"
    ):
        data.load("digits", split="trian")


@pytest.fixture
def decoded_names(monkeypatch):
    names = []
    decode = decoding.decode

    def counted(encoded, *arguments, **options):
        names.append(encoded)
        return decode(encoded, *arguments, **options)

    monkeypatch.setattr(decoding, "decode", counted)
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
    assert load(folder, cache_dir).arrays["image"][4, 0, 0].tolist() == [60, 0, 0]


def test_a_damaged_cache_is_made_again(folder, cache_dir, decoded_names):
    expected = np.array(load(folder, cache_dir).arrays["image"])
    (path,) = cache_dir.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    np.testing.assert_array_equal(load(folder, cache_dir).arrays["image"], expected)
    assert len(decoded_names) == 18


def test_large_images_are_decoded_in_threads_to_the_same(folder, cache_dir, monkeypatch):
    expected = np.array(load(folder, cache_dir).arrays["image"])
    monkeypatch.setattr(decoding, "_THREADED_BYTES", 0)
    np.testing.assert_array_equal(load(folder, cache_dir / "other").arrays["image"], expected)


def test_an_unwritable_cache_falls_back_to_memory(folder, tmp_path, cache_dir, caplog):
    expected = load(folder, cache_dir, classes=["dog"])
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        dataset = load(folder, tmp_path / "blocked", classes=["dog"])
    np.testing.assert_array_equal(dataset.arrays["image"], expected.arrays["image"])
    np.testing.assert_array_equal(dataset.arrays["label"], expected.arrays["label"])
    assert not dataset.arrays["image"].flags.writeable
    assert not dataset.arrays["label"].flags.writeable
    assert "cannot write to" in caplog.text
    assert "in memory only" in caplog.text


def test_a_full_disk_is_reported(folder, cache_dir, monkeypatch):
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
