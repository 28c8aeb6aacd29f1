"""Images of any origin: folders and .npz files."""

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
    with pytest.raises(ValueError, match=r"x\.npz is no whole \.npz"):
        image_files.open_images(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", a=np.zeros(2), b=np.zeros(2))
    with pytest.raises(ValueError, match="it holds a, b, and no array images"):
        image_files.open_images(tmp_path / "x.npz")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "CMYK"])
def test_images_of_more_than_eight_bits_of_color_are_refused(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (8, 8)).save(tmp_path / f"x.{suffix}")
    with pytest.raises(ValueError, match="save it as RGB or gray"):
        image_files.open_images(tmp_path)


def test_an_image_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    save(tmp_path / "fakes", make_images(1))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    with pytest.raises(ValueError, match="is no image that can be read"):
        image_files.open_images(tmp_path / "fakes")


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
