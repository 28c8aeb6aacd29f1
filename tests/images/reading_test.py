"""Images of any origin: folders and .npz files."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_jax.images import reading as image_files


def make_images(count, size=8):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def whole(found, size=2):
    return np.concatenate(list(found.batches(np.arange(found.count), size)))


def save(folder, images):
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03d}.png")


def test_a_folder_is_read_in_order_and_in_batches(tmp_path):
    images = make_images(5)
    save(tmp_path / "fakes", images)
    found = image_files.open_images(tmp_path / "fakes")
    batches = list(found.batches(np.arange(5), 2))
    assert found.count == 5
    assert found.shape == (8, 8, 3)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), images)
    chosen = np.concatenate(list(found.batches(np.array([3, 0]), 1)))
    np.testing.assert_array_equal(chosen, images[[3, 0]])


def test_sub_folders_count(tmp_path):
    save(tmp_path / "fakes" / "cat", make_images(2))
    save(tmp_path / "fakes" / "dog", make_images(3))
    assert image_files.open_images(tmp_path / "fakes").count == 5


def test_an_npz_is_read(tmp_path):
    images = make_images(3)
    np.savez(tmp_path / "fakes.npz", images=images)
    found = image_files.open_images(tmp_path / "fakes.npz")
    np.testing.assert_array_equal(whole(found), images)


def test_what_is_not_there_or_no_image_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        image_files.open_images(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        image_files.open_images(tmp_path / "empty")
    save(tmp_path / "fakes", make_images(2))
    (tmp_path / "fakes" / "001.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"001\.png is no image"):
        whole(image_files.open_images(tmp_path / "fakes"), 4)


def test_images_of_two_sizes_are_refused(tmp_path):
    save(tmp_path / "fakes", make_images(2))
    Image.fromarray(make_images(1, 16)[0]).save(tmp_path / "fakes" / "002.png")
    with pytest.raises(ValueError, match=r"002\.png is 16x16, 000\.png 8x8"):
        whole(image_files.open_images(tmp_path / "fakes"))


@pytest.mark.parametrize(
    "content",
    [
        {"photos": np.zeros((2, 8, 8, 3), np.uint8)},
        {"images": np.zeros((2, 8, 8, 3), np.float32)},
        {"images": np.zeros((8, 8, 3), np.uint8)},
        {"images": np.array([{}], dtype=object)},
    ],
)
def test_another_npz_is_refused_in_one_line(tmp_path, content):
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(ValueError, match=r"x\.npz") as refused:
        image_files.open_images(tmp_path / "x.npz")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"x\.npz cannot be read \(it is no whole \.npz\)"):
        image_files.open_images(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", a=np.zeros(2), b=np.zeros(2))
    with pytest.raises(ValueError, match="it holds a, b, and no array images"):
        image_files.open_images(tmp_path / "x.npz")


def test_transparency_lies_over_white_and_an_orientation_is_applied(tmp_path):
    pixels = np.zeros((2, 4, 4), np.uint8)
    pixels[:, :2, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    (found,) = whole(image_files.open_images(tmp_path))
    np.testing.assert_array_equal(found[..., 0], [[0, 0, 255, 255]] * 2)
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    Image.new("RGB", (4, 2)).save(tmp_path / "x.png", exif=exif)
    assert image_files.open_images(tmp_path).shape == (4, 2, 3)


def test_an_npz_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((100, 32, 32, 3), np.uint8))
    monkeypatch.setattr("gan_jax.untrusted.npz.available_memory", lambda: 100_000)
    with pytest.raises(ValueError, match="take 307,200 bytes of memory, 100,000 are free"):
        image_files.open_images(tmp_path / "x.npz")
    # A header that claims more than the member holds.
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 32, 32, 3)}
    )
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(99))
    with pytest.raises(ValueError, match="have 99 bytes instead of 3,072,000,000,000"):
        image_files.open_images(tmp_path / "y.npz")


def test_the_order_of_axes_in_an_npz_does_not_matter(tmp_path):
    images = make_images(3)
    np.savez(tmp_path / "x.npz", images=np.asfortranarray(images))
    np.testing.assert_array_equal(whole(image_files.open_images(tmp_path / "x.npz")), images)


def test_whatever_byte_is_flipped_an_npz_is_read_or_refused_in_one_line(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", images=make_images(1))
    content = (tmp_path / "x.npz").read_bytes()
    messages = []
    for position in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        (tmp_path / "x.npz").write_bytes(damaged)
        try:
            image_files.open_images(tmp_path / "x.npz")
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert not any("\n" in message for message in messages)
