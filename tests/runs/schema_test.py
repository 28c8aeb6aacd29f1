"""A config.json that somebody tampered with is refused in one line that names the key."""

import copy
import json

import pytest

from configs import common
from gan_jax.runs import workdir
from tests.runs.workdir_test import DATA

ABSENT = "<absent>"


@pytest.fixture
def held(tmp_path):
    """The content of a run's config.json."""
    workdir.create_or_resume(tmp_path, common.base("test"), DATA, steps_matter=False)
    return json.loads((tmp_path / "config.json").read_text())


def tampered(content, key, value):
    *parents, last = key.split(".")
    content = copy.deepcopy(content)
    group = content
    for name in parents:
        group = group[name]
    if value is ABSENT:
        del group[last]
    else:
        group[last] = value
    return content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("config", 3),
        ("config.family", ABSENT),
        ("config.family", ["adversarial"]),
        ("config.model", "x"),
        ("config.steps", "many"),
        ("config.steps", -1),
        ("config.steps", 1.5),
        ("config.batch_size", 0),
        ("config.batch_size", True),
        ("config.seed", {}),
        ("config.name", "\x1b[2J"),
        ("config.data", []),
        ("config.data.name", 7),
        ("config.data.cache_dir", None),
        ("config.data.image_size", 10**9),
        ("config.data.channels", 2),
        ("config.data.domains", {"../a": {}}),
        ("config.data.domains", {"a": {"name": 3}}),
        ("config.data.augment", {"flip": 1}),
        ("config.evaluate.metrics", 3),
        ("steps_matter", "yes"),
        ("data", {}),
        ("data", []),
        ("data.data.name", ABSENT),
        ("data.data.size", 0),
        ("data.data.size", 11),
        ("data.data.arrays", {}),
        ("data.data.arrays.image.shape", [-1, 32, 3]),
        ("data.data.arrays.image.shape", [32, 32]),
        ("data.data.arrays.image.shape", [32, 32, 4]),
        ("data.data.arrays.label.num_classes", 10**12),
        ("data.data.arrays.label.num_classes", 0),
        ("data.data.class_names", {"image": ["cat", "dog"]}),
        ("data.data.class_names.label", ["cat"]),
        ("data.data.class_names.label", ["cat", "\n"]),
        ("data.data.present_classes.label", [5]),
        ("data.data.class_counts.label", [5, 4]),
        ("data.data.class_counts.label", ["5", 5]),
    ],
    ids=str,
)
def test_a_tampered_key_is_refused_by_its_name(tmp_path, held, key, value):
    (tmp_path / "config.json").write_text(json.dumps(tampered(held, key, value)))
    with pytest.raises(workdir.WorkdirError, match=r"config\.json cannot be read") as refused:
        workdir.load(tmp_path)
    reason = str(refused.value).partition("(")[2]
    assert "\n" not in reason
    *parents, last = key.split(".")
    assert last in reason or ".".join(parents) in reason


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(b'"seed": 0', b'"seed": 0, "seed": 1'),
        lambda text: text.replace(b'"seed": 0', b'"seed": NaN'),
        lambda text: text.replace(b'"seed": 0', b'"seed": 1' + b"0" * 5000),
        lambda text: text.replace(b'"seed": 0', b'"seed": ' + b"[" * 100_000),
        lambda text: b"\xff" + text,
        lambda text: text + b" " * (1 << 24),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, held, damage):
    path = tmp_path / "config.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(workdir.WorkdirError, match=r"config\.json cannot be read") as refused:
        workdir.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_what_this_version_does_not_know_is_left_alone(tmp_path, held):
    content = {**held, "started": "today", "config": {**held["config"], "later": {"key": 1}}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert workdir.load(tmp_path)[0].later.key == 1
