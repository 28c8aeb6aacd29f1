"""Files of weights: read bit-exactly, or refused in one line, and never executed.

The files in torch_files/ were written by torch 2.13.0's torch.save, one in each format, of the
tensors that `EXPECTED` writes out; hostile and damaged ones are made here.
"""

import hashlib
import io
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import pytest

from gan_jax.metrics.torch_file import WeightsError, read_torch_file

FILES = pathlib.Path(__file__).parent / "torch_files"
EXPECTED = {
    "weight": np.array([[-0.5, -0.25, 0], [0.25, 0.5, 0.75]], np.float32),
    "transposed": np.array([[0, 3], [1, 4], [2, 5]], np.float64),
    "head": np.array([0, 1, 2], np.int32),
    "tail": np.array([[3], [4], [5], [6], [7]], np.int32),
    "half": np.array([0.5, -65504.0], np.float16),
    "bytes": np.array([0, 255], np.uint8),
    "parameter": np.array([np.inf, -0.0, 1e-45], np.float32),
    "num_batches_tracked": np.array(2**40 + 1, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}
FLOATS = ("torch", "FloatStorage")
ONE_TO_SIX = np.arange(1, 7, dtype="<f4")


class Global:
    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Raw(bytes):
    """Instructions as they are."""


class Stored:
    def __init__(self, *persistent_id):
        self.persistent_id = persistent_id


def encode(value):
    """Protocol 2, with whatever globals, calls and storages a test wants in it."""
    match value:
        case Raw():
            return bytes(value)
        case Global():
            return f"c{value.module}\n{value.name}\n".encode()
        case Call():
            return encode(value.function) + encode(value.arguments) + b"R"
        case Stored():
            return encode(value.persistent_id) + b"Q"
        case tuple():
            return b"(" + b"".join(map(encode, value)) + b"t"
        case dict():
            items = (encode(part) for item in value.items() for part in item)
            return b"}(" + b"".join(items) + b"u"
    return pickle.dumps(value, 2)[2:-1]


def pickled(value):
    return b"\x80\x02" + encode(value) + b"."


def tensor(offset=0, shape=(2, 3), strides=(3, 1), *, storage=FLOATS, size=6, key="0"):
    stored = Stored("storage", Global(*storage), key, "cpu", size)
    hooks = Call(Global("collections", "OrderedDict"))
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, stored, offset, shape, strides, False, hooks)


def zipped(pickle_bytes, storages=None, *, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        archive.writestr("archive/byteorder", "little")
        for key, content in (storages or {"0": ONE_TO_SIX.tobytes()}).items():
            archive.writestr(f"archive/data/{key}", content)
    return file.getvalue()


def legacy(pickle_bytes, keys=(), storages=b"", *, protocol=1001, little_endian=True):
    system = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": {}}
    head = [0x1950A86A20F9469CFC6C, protocol, system]
    return b"".join([*map(pickled, head), pickle_bytes, pickled(list(keys)), storages])


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return read_torch_file(path, **options)

    return read


@pytest.fixture
def refuse(read):
    def refuse(content, match, **options):
        with pytest.raises(WeightsError, match=match) as caught:
            read(content, **options)
        assert "\n" not in str(caught.value)
        assert "weights.pth" in str(caught.value)
        assert len(str(caught.value)) < 500

    return refuse


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_files_of_torch_are_read_bit_for_bit(name):
    state = read_torch_file(FILES / name)
    assert list(state) == list(EXPECTED)
    for key, expected in EXPECTED.items():
        assert state[key].dtype == expected.dtype, key
        assert state[key].shape == expected.shape, key
        assert state[key].tobytes() == expected.tobytes(), key
        assert not state[key].flags.writeable or not state[key].size, key


def test_files_made_here_are_read_too(read):
    """So that the refusals below are for what each test breaks, not for how the file was made."""
    state = read(zipped(pickled({"w": tensor(1, (2, 2), (3, 1))})))
    np.testing.assert_array_equal(state["w"], [[2, 3], [5, 6]])
    stored = Stored("storage", Global(*FLOATS), "7", "cpu", 6, None)
    made = tensor()
    made.arguments = (stored, *made.arguments[1:])
    numbers = struct.pack("<q", 6) + ONE_TO_SIX.tobytes()
    state = read(legacy(pickled({"w": made}), ["7"], numbers))
    np.testing.assert_array_equal(state["w"], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("make", [zipped, legacy])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_hostile_pickle_is_not_run(make, protocol, read, refuse, tmp_path):
    bait = tmp_path / "executed"

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {bait}",)

    program = pickle.dumps({"w": Hostile()}, protocol)
    refuse(make(program), r"system.* it may be hostile|STACK_GLOBAL|FRAME")
    assert not bait.exists()
    pickle.loads(program)
    assert bait.exists(), "the test's program does nothing that could be seen"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch", "BFloat16Storage"),
        ("torch.hub", "load\x07"),
    ],
)
def test_only_the_names_of_state_dicts_are_known(module, name, refuse):
    refuse(zipped(pickled({"w": Call(Global(module, name), "x")})), "names '.*which no state dict")


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00trueo.",
        b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}(X\x0c\x00\x00\x00__defaults__)ub.",
        b"\x80\x02ccollections\nOrderedDict\n]R.",
        b"\x80\x02X\x0b\x00\x00\x00collectionsX\x0b\x00\x00\x00OrderedDict\x86)R.",
        b"\x80\x02}r\xff\xff\xff\x7fh\x00.",
        b"\x80\x02}(K\x01K\x02u.",
        b"\x80\x02\x8a\xff" + b"\xff" * 254 + b".",
        b"\x80\x02}}.",
        b"\x80\x02(.",
        b"\x80\x020.",
        b"\x80\x02t.",
        b"\x80\x02}X\xff\xff\xff\x7fabc.",
        b"",
    ],
)
def test_other_instructions_are_refused(program, refuse):
    refuse(zipped(program), "pickle")


def test_values_that_would_print_for_ever_or_too_deep_are_refused(refuse):
    doubled = Raw(b"]q\x00" + b"h\x00\x86q\x00" * 200)
    nested = Raw(b"]" * 10_000 + b"a" * 9_999)
    for value in (doubled, nested):
        refuse(zipped(pickled(value)), "no state dict")
        refuse(legacy(pickled({}), protocol=value), "its protocol is a (tuple|list)")
        refuse(zipped(pickled({"w": tensor(shape=value)})), "shape of 'w' is damaged")
        refuse(zipped(pickled({"w": Call(value)})), "pickle is damaged")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"offset": 1}, "reaches out"),
        ({"offset": -1}, "shape of 'w' is damaged"),
        ({"strides": (-3, 1)}, "shape of 'w' is damaged"),
        ({"strides": (4, 1)}, "reaches out"),
        ({"strides": (2**62, 1)}, "reaches out"),
        ({"strides": (1,)}, "shape of 'w' is damaged"),
        ({"shape": (7,), "strides": (1,)}, "has but 6 numbers"),
        ({"shape": (2**70,), "strides": (0,)}, "has but 6 numbers"),
        ({"shape": (0, 2**70), "strides": (0, 0)}, "has but 6 numbers"),
        ({"shape": (1,) * 9, "strides": (0,) * 9}, "shape of 'w' is damaged"),
        ({"shape": (2.0, 3.0)}, "shape of 'w' is damaged"),
        ({"shape": (True, 3)}, "shape of 'w' is damaged"),
        ({"shape": [2, 3]}, "shape of 'w' is damaged"),
        ({"size": 5}, "another length"),
        ({"size": 2**62}, "another length"),
        ({"size": -6}, "described wrongly"),
        ({"size": None}, "described wrongly"),
        ({"storage": ("torch", "DoubleStorage")}, "another length"),
        ({"key": "1"}, "archive is damaged"),
        ({"key": "../data.pkl"}, "archive is damaged"),
        ({"storage": ("collections", "OrderedDict")}, "numbers are of type"),
    ],
)
def test_a_tensor_must_stay_within_its_numbers(changes, match, refuse):
    refuse(zipped(pickled({"w": tensor(**changes)})), match)


def test_the_stride_of_an_axis_with_one_entry_means_nothing(read):
    state = read(zipped(pickled({"w": tensor(5, (1, 1), (2**70, 2**70))})))
    assert state["w"].tolist() == [[6.0]]


@pytest.mark.parametrize("value", [{"w": 3}, {"w": {"v": 3}}, 3, None, {"w": (tensor(),)}])
def test_what_is_no_state_dict_is_refused(value, refuse):
    refuse(zipped(pickled(value)), "no state dict")


def test_an_archive_that_unpacks_to_more_is_refused(refuse):
    program = pickled({"w": tensor(0, (2**20,), (1,), size=2**20)})
    bomb = zipped(program, {"0": bytes(2**22)}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    refuse(bomb, "unpacks to more than the file holds")


def test_an_archive_that_claims_to_be_larger_is_refused(refuse):
    content = zipped(pickled({"w": tensor()}))
    claimed = struct.pack("<II", 24, 24)
    assert content.count(claimed) == 2
    refuse(content.replace(claimed, struct.pack("<II", 2**31, 2**31)), "unpacks to more")


def test_other_archives_are_refused(refuse):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refuse(file.getvalue(), "not of PyTorch's making")


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"<html>Not Found</html>", bytes(999)])
def test_other_files_are_refused(content, refuse):
    refuse(content, "no file that PyTorch wrote|archive is damaged")


def test_other_legacy_files_are_refused(refuse):
    program = pickled({})
    refuse(legacy(program, protocol=1002), "its protocol is 1002")
    refuse(legacy(program, little_endian=False), "little-endian")
    refuse(legacy(program, ["0"]), "its list of storages")
    refuse(legacy(program, storages=b"more"), "left over")
    view = Stored("storage", Global(*FLOATS), "7", "cpu", 6, ("8", 0, 3))
    refuse(legacy(pickled({"w": view})), "in an unknown way")


@pytest.mark.parametrize("size", [-1, 5, 7, 2**62])
def test_a_legacy_storage_of_another_size_is_refused(size, refuse):
    made = tensor()
    stored = Stored("storage", Global(*FLOATS), "7", "cpu", 6, None)
    made.arguments = (stored, *made.arguments[1:])
    numbers = struct.pack("<q", size) + ONE_TO_SIX.tobytes()
    refuse(legacy(pickled({"w": made}), ["7"], numbers), "cut off|another length|left over")


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_a_file_that_is_cut_off_anywhere_is_refused(name, refuse):
    content = (FILES / name).read_bytes()
    for length in [*range(0, len(content), 61), len(content) - 1]:
        refuse(content[:length], "cut off|no file that PyTorch wrote|damaged")


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_one_flipped_bit_is_noticed_by_the_digest(name, read, refuse):
    content = (FILES / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert list(read(content, sha256=digest.upper())) == list(EXPECTED)
    for position in range(0, len(content), 97):
        altered = bytearray(content)
        altered[position] ^= 1
        refuse(bytes(altered), f"instead of {digest}", sha256=digest)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_damage_without_a_digest_is_read_or_refused_in_one_line(name, read):
    """Nothing but WeightsError comes out, whatever a byte becomes."""
    content = (FILES / name).read_bytes()
    rng, messages = np.random.default_rng(0), []
    for _ in range(300):
        altered = bytearray(content)
        altered[rng.integers(len(content))] = rng.integers(256)
        try:
            read(bytes(altered))
        except WeightsError as e:
            messages.append(str(e))
    assert len(messages) > 50
    assert "\n" not in "".join(messages)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "missing.pth")
