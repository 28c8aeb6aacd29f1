"""tfds data sets: small ones made here by tfds's own writer, and real ones where they are."""

import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gan_jax import data
from gan_jax.data import preparation
from gan_jax.data.tfrecord import TFRecords


def png(value, mode="RGB", size=(8, 8)):
    # As bytes, because tfds needs TensorFlow to encode arrays.
    file = io.BytesIO()
    Image.new(mode, size, value).save(file, "PNG")
    file.seek(0)
    return file


class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    FEATURES: ClassVar = {}
    SPLITS = ("train",)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(self.FEATURES)
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.SPLITS}


class TinyShapes(Tiny):
    """Its image and label are neither called so nor come first; twelve to train, five to test."""

    FEATURES: ClassVar = {
        "caption": tfds.features.Text(),
        "picture": tfds.features.Image(shape=(8, 8, 3)),
        "kind": tfds.features.ClassLabel(names=["circle", "square", "star"]),
        "other": tfds.features.ClassLabel(num_classes=2),
        "second_picture": tfds.features.Image(shape=(None, None, 1)),
    }
    SPLITS = ("train", "test")

    def _generate_examples(self, split):
        first, count = {"train": (0, 12), "test": (100, 5)}[split]
        for i in range(first, first + count):
            yield (
                i,
                {
                    "caption": "a shape",
                    "picture": png((i, 2 * i, 0)),
                    "kind": i % 3,
                    "other": 1,
                    "second_picture": png(255, "L"),
                },
            )


class TinyFaces(Tiny):
    FEATURES: ClassVar = {"image": tfds.features.Image(shape=(None, None, 1))}

    def _generate_examples(self, split):
        for i in range(4):
            yield i, {"image": png(i, "L", (6 + i, 8))}


class TinyWithheld(Tiny):
    FEATURES: ClassVar = {
        "image": tfds.features.Image(shape=(8, 8, 1)),
        "label": tfds.features.ClassLabel(names=["a", "b"]),
    }

    def _generate_examples(self, split):
        yield 0, {"image": png(3, "L"), "label": -1}


class TinyTexts(Tiny):
    FEATURES: ClassVar = {"text": tfds.features.Text()}

    def _generate_examples(self, split):
        yield 0, {"text": "hello"}


class TinyDepths(Tiny):
    FEATURES: ClassVar = {"image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint16)}

    def _generate_examples(self, split):
        yield 0, {"image": png(40_000, "I;16")}


class TinyOffline(Tiny):
    meanwhile = staticmethod(lambda: None)
    FEATURES: ClassVar = {"image": tfds.features.Image(shape=(8, 8, 1))}

    def _split_generators(self, dl_manager):
        # What a download that fails half way leaves.
        unfinished = dl_manager.download_dir / self.name / "archive.tar.gz.tmp.0123abcd"
        unfinished.mkdir(parents=True)
        (unfinished / "archive.tar.gz").write_text("half")
        TinyOffline.meanwhile()
        raise ConnectionError("the line went dead\nat 47 percent")

    def _generate_examples(self, split):
        yield 0, {"image": png(0, "L")}


class TinyRace(Tiny):
    """Is prepared by another while it prepares itself."""

    FEATURES: ClassVar = {"image": tfds.features.Image(shape=(8, 8, 1))}
    other = None

    def _split_generators(self, dl_manager):
        if TinyRace.other is None:
            TinyRace.other = TinyRace(data_dir=self.data_dir_root)
            TinyRace.other.download_and_prepare(file_format="array_record")
        return super()._split_generators(dl_manager)

    def _generate_examples(self, split):
        for i in range(3):
            yield i, {"image": png(i, "L")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()
    for builder in (TinyShapes, TinyFaces, TinyWithheld, TinyTexts, TinyDepths):
        builder(data_dir=directory).download_and_prepare(file_format="array_record")
    return directory


@pytest.fixture
def load(prepared, tmp_path):
    def load(name, **options):
        defaults = {
            "data_dir": prepared,
            "cache_dir": tmp_path / "cache",
            "image_size": 8,
            "progress": False,
        }
        return data.load(name, **{**defaults, **options})

    return load


@pytest.fixture
def copy(prepared, tmp_path):
    """A copy of tiny_shapes to damage: (data_dir, folder of the version)."""
    shutil.copytree(prepared / "tiny_shapes", tmp_path / "copy" / "tiny_shapes")
    return tmp_path / "copy", tmp_path / "copy" / "tiny_shapes" / "1.0.0"


def test_the_first_image_and_label_features_are_read(load):
    dataset = load("tiny_shapes")
    assert isinstance(dataset.arrays["image"], np.memmap)
    assert dataset.arrays["image"].shape == (12, 8, 8, 3)
    assert dataset.class_names["label"] == ("circle", "square", "star")
    values = dataset.arrays["image"][:, 0, 0, 0].astype(int)  # tfds shuffles as it prepares
    assert sorted(values) == list(range(12))
    np.testing.assert_array_equal(dataset.arrays["image"][:, 7, 7, 1], 2 * values)
    np.testing.assert_array_equal(dataset.arrays["label"], values % 3)


def test_splits_and_parts_of_them(load):
    train, test = load("tiny_shapes"), load("tiny_shapes", split="test")
    assert sorted(test.arrays["image"][:, 0, 0, 0]) == list(range(100, 105))
    part = load("tiny_shapes", split="train[3:5]+test[:1]")
    expected = np.concatenate([train.arrays["image"][3:5], test.arrays["image"][:1]])
    np.testing.assert_array_equal(part.arrays["image"], expected)
    with pytest.raises(
        ValueError, match=r"unknown split of data set tiny_shapes 'trian': did you mean 'train'\?"
    ):
        load("tiny_shapes", split="trian[:3]")
    with pytest.raises(ValueError, match="There are train, test, all"):
        load("tiny_shapes", split="validation")
    with pytest.raises(ValueError, match=r"split 'train\[1:1\]' of data set .* is empty"):
        load("tiny_shapes", split="train[1:1]")
    with pytest.raises(ValueError, match=r"split 'train\[1:' of data set .* cannot be understood"):
        load("tiny_shapes", split="train[1:")


def test_no_labels_or_withheld_labels(load):
    for name in ("tiny_faces", "tiny_withheld"):
        dataset = load(name)
        assert set(dataset.arrays) == {"image"}
        assert dataset.class_names == {}
    assert load("tiny_faces").arrays["image"].shape == (4, 8, 8, 1)
    assert load("tiny_faces", channels=3).arrays["image"].shape == (4, 8, 8, 3)
    for name in ("tiny_faces", "tiny_withheld"):
        with pytest.raises(ValueError, match="has no labels"):
            load(name, classes=[0])


def test_data_sets_that_hold_no_images(load):
    with pytest.raises(ValueError, match="'tiny_texts' has no image feature; its features: text"):
        load("tiny_texts")
    with pytest.raises(ValueError, match="pixels of type uint16; only 8-bit"):
        load("tiny_depths")


def test_tfds_data_dir_is_the_default(prepared, tmp_path):
    program = f"""
import sys
from gan_jax import data
dataset = data.load("tiny_shapes", image_size=8, progress=False, cache_dir={str(tmp_path)!r})
print(len(dataset), "tensorflow" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "TFDS_DATA_DIR": str(prepared)},
    )
    assert result.stdout.split() == ["12", "False"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny_shape", r"unknown data set 'tiny_shape': did you mean 'tiny_shapes'"),
        ("digit", r"unknown data set 'digit': did you mean 'digits'"),
        ("CIFAR10", r"unknown data set 'CIFAR10': did you mean 'cifar10'"),
        ("xqzw", r"unknown data set 'xqzw': did you .* The nearest of \d+ are .*'folder:PATH'"),
        ("cycle_gan/facade", r"config of data set cycle_gan 'facade': did you mean 'facades'"),
        ("cifar10/big", r"'cifar10' has no configs; name it without 'big'"),
        ("cifar10:9.9.9", r"cannot be used: .*9\.9\.9, only: "),
        ("", "data set '' cannot be used"),
    ],
)
def test_unknown_names(load, name, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def frame(record):
    return struct.pack("<Q", len(record)) + bytes(4) + record + bytes(4)


def test_a_data_set_prepared_as_tfrecord(load, copy):
    directory, version = copy
    expected = load("tiny_shapes", split="train[2:9]")
    source = tfds.builder("tiny_shapes", data_dir=directory).as_data_source(
        "train", deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    records = [source[i] for i in range(len(source))]
    for path in version.glob("*array_record*"):
        path.unlink()
    path = version / "tiny_shapes-train.tfrecord-00000-of-00001"
    path.write_bytes(b"".join(frame(record) for record in records))
    info = json.loads((version / "dataset_info.json").read_text())
    (version / "dataset_info.json").write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    found = load("tiny_shapes", split="train[2:9]", data_dir=directory)
    np.testing.assert_array_equal(found.arrays["image"], expected.arrays["image"])
    np.testing.assert_array_equal(found.arrays["label"], expected.arrays["label"])
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(OSError, match=r"damaged or incomplete \(.*is cut short"):
        load("tiny_shapes", data_dir=directory)


def test_tfrecords_as_tensorflow_writes_them(tmp_path):
    # Written by tf.io.TFRecordWriter of TensorFlow 2.21.
    path = tmp_path / "three.tfrecord"
    path.write_bytes(
        bytes.fromhex(
            "0500000000000000eab2043e666972737455ff23e5000000000000000029039807d8ea82a2100000"
            "000000000095fbfe18746865207468697264207265636f72649f3060a8"
        )
    )

    class Instruction:
        filename, skip, take = str(path), 0, 3

    records = TFRecords([Instruction])
    assert len(records) == 3
    assert records.__getitems__([2, 0, 1]) == [b"the third record", b"first", b""]


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.999])
def test_a_shard_cut_short(load, copy, kept):
    directory, version = copy
    (path,) = version.glob("*-train.array_record*")
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(OSError, match=r"'tiny_shapes' at .* is damaged or incomplete") as caught:
        load("tiny_shapes", data_dir=directory)
    assert "\n" not in str(caught.value)


def test_a_shard_missing_or_of_fewer_examples(load, copy):
    directory, version = copy
    info_path = version / "dataset_info.json"
    whole = info_path.read_text()
    info = json.loads(whole)
    for split in info["splits"]:
        split["shardLengths"] = [str(int(length) + 1) for length in split["shardLengths"]]
    info_path.write_text(json.dumps(info))
    with pytest.raises(OSError, match="is damaged or incomplete"):
        load("tiny_shapes", data_dir=directory)
    info_path.write_text(whole)
    (path,) = version.glob("*-train.array_record*")
    path.unlink()
    with pytest.raises(OSError, match="is damaged or incomplete"):
        load("tiny_shapes", data_dir=directory)


def test_another_copy_of_a_data_set_has_a_cache_of_its_own(load, copy, tmp_path):
    directory, version = copy
    load("tiny_shapes")
    os.utime(version / "dataset_info.json", ns=(1, 1))
    copied = load("tiny_shapes", data_dir=directory)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    # Scores against either are comparable.
    assert copied.identity == load("tiny_shapes").identity


@pytest.fixture
def with_tensorflow(monkeypatch):
    """Lets preparing go ahead: these data sets give tfds encoded images, and need none."""
    monkeypatch.setattr(preparation, "has_tensorflow", lambda: True)


@pytest.fixture
def no_network(monkeypatch):
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    asked = []

    def refuse(address, timeout):
        asked.append(address)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return asked


def test_first_use_prepares(load, tmp_path, with_tensorflow):
    dataset = load("tiny_shapes", data_dir=tmp_path / "fresh")
    assert len(dataset) == 12
    (version,) = (tmp_path / "fresh" / "tiny_shapes").iterdir()
    assert version.name == "1.0.0"
    assert list(version.glob("*.array_record-*"))
    again = load("tiny_shapes", data_dir=tmp_path / "fresh")
    np.testing.assert_array_equal(again.arrays["image"], dataset.arrays["image"])


def test_preparing_without_tensorflow_says_so(load, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "has_tensorflow", lambda: False)
    with pytest.raises(OSError, match="needs TensorFlow: pip install tensorflow-cpu") as caught:
        load("cifar10", data_dir=tmp_path / "fresh")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fresh").exists()


def test_no_network_is_one_line_soon_and_leaves_nothing(
    load, tmp_path, with_tensorflow, no_network, capfd
):
    began = time.monotonic()
    with pytest.raises(OSError, match=r"no connection to www\.cs\.toronto\.edu") as caught:
        load("cifar10", data_dir=tmp_path / "fresh", progress=True)
    assert time.monotonic() - began < 8
    assert no_network == [("www.cs.toronto.edu", 443)]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fresh").exists()
    assert capfd.readouterr() == ("", "")


def test_the_proxy_is_asked_where_there_is_one(
    load, tmp_path, with_tensorflow, no_network, monkeypatch
):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    with pytest.raises(OSError, match=r"no connection to proxy\.example"):
        load("cifar10", data_dir=tmp_path / "fresh")
    assert no_network == [("proxy.example", 3128)]


def test_name_lookup_without_an_answer_is_not_waited_for(monkeypatch):
    over = threading.Event()

    def wait(*_, **__):
        over.wait(30)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", wait)
    began = time.monotonic()
    assert not preparation.any_reachable([("a.example", 443), ("b.example", 443)], timeout=0.2)
    assert time.monotonic() - began < 5
    # The threads must not outlive the test and end in another one.
    over.set()


def test_one_reachable_host_is_enough():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as gone,
    ):
        port, closed = server.getsockname()[1], gone.getsockname()[1]
        gone.close()
        assert preparation.any_reachable([("127.0.0.1", closed), ("127.0.0.1", port)])
        assert not preparation.any_reachable([("127.0.0.1", closed)])


def test_a_failed_download_leaves_what_was_there_and_nothing_else(
    load, tmp_path, with_tensorflow, monkeypatch
):
    monkeypatch.setattr(preparation, "_STILL_SECONDS", 0.01)
    directory = tmp_path / "fresh"
    with pytest.raises(OSError, match=r"preparing it failed: the line went dead$"):
        load("tiny_offline", data_dir=directory)
    assert not directory.exists()
    earlier = [
        directory / "downloads" / "tiny_offline" / "old.zip.tmp.55" / "old.zip",
        directory / "downloads" / "other" / "a.zip",
        directory / "tiny_offline" / "incomplete.ABC_1.0.0" / "shard",
        directory / "mnist" / "readme",
    ]
    for path in earlier:
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    with pytest.raises(OSError, match="the line went dead"):
        load("tiny_offline", data_dir=directory)
    files = {path for path in directory.rglob("*") if path.is_file()}
    assert files == set(earlier)


def test_a_failed_download_leaves_what_another_process_is_making(
    load, tmp_path, with_tensorflow, monkeypatch
):
    directory = tmp_path / "fresh"
    preparing = directory / "tiny_offline" / "incomplete.XYZ_1.0.0" / "shard"
    downloading = directory / "downloads" / "tiny_offline" / "b.zip.tmp.89ef" / "b.zip"
    theirs = {preparing, downloading}

    def begin():
        for path in theirs:
            path.parent.mkdir(parents=True)
            path.write_text("half")

    def go_on(seconds):
        with downloading.open("a") as file:
            file.write("more")

    monkeypatch.setattr(TinyOffline, "meanwhile", staticmethod(begin))
    monkeypatch.setattr(preparation.time, "sleep", go_on)
    with pytest.raises(OSError, match="the line went dead"):
        load("tiny_offline", data_dir=directory)
    assert {path for path in directory.rglob("*") if path.is_file()} == theirs


def test_another_process_that_prepares_first_is_no_failure(load, tmp_path, with_tensorflow):
    assert len(load("tiny_race", data_dir=tmp_path / "fresh")) == 3
    assert TinyRace.other is not None
    names = {path.name for path in (tmp_path / "fresh" / "tiny_race").iterdir()}
    assert names == {"1.0.0"}


def needs_prepared(name):
    """Skips a test where a real data set is not prepared."""
    root = os.environ.get("TFDS_DATA_DIR")
    missing = not root or not os.path.isdir(os.path.join(root, name))
    return pytest.mark.skipif(missing, reason=f"TFDS_DATA_DIR holds no {name}")


@needs_prepared("cycle_gan/facades")
def test_domains_of_facades(tmp_path):
    def settings(split, size):
        given = {"image_size": size, "cache_dir": tmp_path, "progress": False}
        return {"name": "cycle_gan/facades", "split": split, **given}

    streams = data.load_streams({"a": settings("trainA", (32, 48)), "b": settings("testB", 32)})
    assert streams["a"].specs["a"].shape == (32, 48, 3)
    assert streams["b"].specs["b"].shape == (32, 32, 3)
    assert len(streams["a"]) > len(streams["b"]) > 0
    feed = data.make_feed(streams, updates=1, batch_size=16, seed=0, placement="host")
    with feed.chunks([(7, 2)], lambda step: step * feed.examples_per_step) as chunks:
        (arrays,) = (chunk["arrays"] for chunk in chunks)
    for stream, dataset in streams.items():
        order = data.index_examples(len(dataset), seed=0, start=7 * 16, count=32, stream=stream)
        np.testing.assert_array_equal(
            arrays[stream], dataset.arrays[stream][order.reshape(2, 1, 16)]
        )


@needs_prepared("cifar10")
def test_cifar10(tmp_path):
    dataset = data.load("cifar10", split="test", cache_dir=tmp_path, progress=False)
    assert dataset.arrays["image"].shape == (10_000, 32, 32, 3)
    assert dataset.class_names["label"][:2] == ("airplane", "automobile")
    np.testing.assert_array_equal(np.bincount(dataset.arrays["label"]), np.full(10, 1000))
    # Each channel's mean over the test set, of the published images; JPEG keeps it.
    mean = dataset.arrays["image"].reshape(-1, 3).mean(0) / 255
    np.testing.assert_allclose(mean, [0.4942, 0.4851, 0.4504], atol=0.005)
    planes = data.load(
        "cifar10", split="test", cache_dir=tmp_path, classes="airplane", progress=False
    )
    assert planes.present_classes("label") == (0,)
    assert len(planes) == 1000
