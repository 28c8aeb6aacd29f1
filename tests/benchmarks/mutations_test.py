"""What reads files that strangers may have written, on a hundred mutations of each.

`python benchmarks/mutations.py` tries ten thousand.
"""

import random

import pytest

from tests.benchmarks.scripts import importable

with importable():
    import mutated_readers
    import mutating
    import mutations

NAMES = (
    *("weights_zip", "weights_legacy", "weights_pickle", "tfrecord", "arrays"),
    *("arrays_description", "npz", "images", "config_json", "config_bytes", "metrics_jsonl"),
    *("results", "checkpoint_record"),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """All readers by name."""
    return mutated_readers.readers(tmp_path_factory.mktemp("made"))


def test_every_reader_is_tried(table):
    assert tuple(table) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_mutated_file_is_read_or_refused_in_one_line(table, tmp_path, name):
    for content in table[name].valid:
        (tmp_path / table[name].name).write_bytes(content)
        table[name].read(tmp_path / table[name].name)
    found = mutations.run(table[name], tmp_path, examples=100)
    assert found["examples"] == 100
    assert found["refused"] > 20


def test_what_is_amiss_is_found(tmp_path):
    def reader(read):
        return mutated_readers.Reader("x", (b"[1]",), read, mutating.mutate_json)

    def lines(path):
        raise ValueError("one\ntwo")

    def warns(path):
        mutations.warnings.warn("odd", stacklevel=1)

    for read, message in ((lines, "several lines"), (warns, "a warning: odd")):
        with pytest.raises(AssertionError, match=message):
            mutations.try_once(reader(read), 0, tmp_path)
    with pytest.raises(KeyError):
        mutations.try_once(reader(lambda path: {}["x"]), 0, tmp_path)


def test_mutations_differ_and_are_the_same_every_time():
    content = b'{"a": [1, 2], "b": {"c": "d"}}'
    for mutate in (mutating.mutate_json, mutating.mutate_bytes):
        found = [mutate(content, random.Random(number)) for number in range(50)]
        assert found == [mutate(content, random.Random(number)) for number in range(50)]
        assert len(set(found)) > 30
