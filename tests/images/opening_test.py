"""Which files are opened as images, by the same rules everywhere."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import decoding, sources
from gan_jax.images import flattened, image_files, open_image, open_images, opening
from gan_jax.modes.report import grids


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width, height, bits, color, content=b""):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


GRAY = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
COLOR = Image.merge("RGB", (GRAY, GRAY.rotate(90), GRAY.rotate(180)))
GOOD = {
    "x.bmp": encoded(COLOR, "BMP"),
    "x.gif": encoded(COLOR.quantize(), "GIF", save_all=True, append_images=[GRAY] * 3),
    "x.jpg": encoded(COLOR, "JPEG"),
    "x.jpeg": encoded(COLOR.convert("CMYK"), "JPEG"),
    "x.png": encoded(COLOR, "PNG"),
    "x.pgm": encoded(GRAY, "PPM"),
    "x.ppm": encoded(COLOR, "PPM"),
    "alpha.png": encoded(COLOR.convert("RGBA"), "PNG"),
    "x.webp": encoded(COLOR, "WEBP", lossless=True),
    "gray.png": encoded(GRAY.convert("1"), "PNG"),
}
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"
BAD = {
    "ps.png": (POSTSCRIPT, "none of BMP, GIF, JPEG, PNG, PPM, WEBP"),
    "icon.png": (encoded(COLOR, "ICO"), "none of"),
    "gray16.png": (png(4, 4, 16, 0, bytes(36)), "more than 8 bits"),
    "color16.png": (png(4, 4, 16, 2, bytes(100)), "more than 8 bits"),
    "gray_alpha16.png": (png(4, 4, 16, 4, bytes(68)), "more than 8 bits"),
    "alpha16.png": (png(4, 4, 16, 6, bytes(132)), "more than 8 bits"),
    "color16.ppm": (b"P6 2 2 65535\n" + bytes(24), "more than 8 bits"),
    "gray16.pgm": (b"P5 2 2 1023\n" + bytes(8), "more than 8 bits"),
    "text16.ppm": (b"P3 1 1 1000\n1000 2 3\n", "more than 8 bits"),
    "float.ppm": (b"Pf 1 1 1.0\n" + bytes(4), "more than 8 bits"),
    "tiff.png": (encoded(COLOR, "TIFF"), "none of"),
    # Between Pillow's warning and its error, and beyond both.
    "bomb.png": (png(10_000, 9_000, 1, 0), "pixels|decompression bomb"),
    "larger_bomb.png": (png(60_000, 60_000, 1, 0), "pixels|decompression bomb"),
    "nothing.png": (b"", "none of"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_read_in_training_is_read_in_evaluation_and_in_the_report(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(GOOD[name])
    trained = decoding.decode(path, (8, 8), 3)["image"]
    files = open_images(tmp_path)
    (evaluated,) = np.concatenate(list(files.batches(np.arange(1), 1)))
    _, (reported,), broken = grids.read_grids([(1, path)])
    np.testing.assert_array_equal(evaluated, trained)
    np.testing.assert_array_equal(np.broadcast_to(reported.reshape(8, 8, -1), (8, 8, 3)), trained)
    assert not broken
    assert sources.folder(tmp_path).length == 1


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_in_one_is_refused_in_all(tmp_path, name, monkeypatch):
    def started(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", started)
    content, reason = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is no image that can be read \(.*({reason})"):
        open_images(tmp_path)
    with pytest.raises(Exception, match=reason):
        decoding.decode(tmp_path / name, (8, 8), 3)
    assert grids.read_grids([(1, tmp_path / name)]) == ([], [], 1)


def test_the_first_frame_counts():
    with open_image(GOOD["x.gif"]) as image:
        pixels = np.asarray(flattened(image))
    assert pixels[..., 1].std() > 0
    assert not np.array_equal(pixels[..., 0], pixels[..., 1])


def test_a_size_is_refused_without_decoding(monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 63)
    with pytest.raises(ValueError, match="8x8 are more than 63 pixels"), open_image(GOOD["x.png"]):
        pass


def test_what_is_no_file_is_never_opened(tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(GOOD["x.png"])
    (tmp_path / "b.png").symlink_to("a.png")
    (tmp_path / "c.png").symlink_to("nowhere")
    (tmp_path / "d.png").symlink_to("/dev/zero")
    (tmp_path / "._e.png").write_bytes(b"left by a Mac")
    os.mkfifo(tmp_path / "f\n.png")
    (tmp_path / "g.png").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["a.png", "b.png"]
    (line,) = caplog.messages
    assert line.endswith(r"no files: c.png (a broken link), d.png (a device), f\n.png (a fifo)")
    assert open_images(tmp_path).count == 2
    assert sources.folder(tmp_path).class_names == ()


def test_circles_of_links_end(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(GOOD["x.png"])
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert open_images(tmp_path).count == 1
