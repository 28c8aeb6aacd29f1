import json

import pytest
from ml_collections import ConfigDict

from configs import common
from gan_jax.runs import workdir

DATA = {
    "image_shape": (32, 32, 3),
    "class_names": ("cat", "dog"),
    "present_classes": (1,),
    "size": 10,
}


def config(**changes):
    made = common.base()
    made.update(changes)
    return made


def test_a_claimed_folder_tells_what_sampling_must_know(tmp_path):
    asked = config(data={"classes": ("dog",)}, sample_epochs=(1, 25))
    where = workdir.claim(tmp_path / "a" / "run", asked, DATA)
    held, data = workdir.load(tmp_path / "a" / "run")
    assert data == json.loads(json.dumps(DATA))
    assert held.data.classes == ["dog"]
    assert set(held.to_dict()) == set(asked.to_dict())
    assert where.grid(7) == tmp_path / "a" / "run" / "samples" / "step_00000007.png"
    assert [p.name for p in where.path.iterdir()] == ["config.json"]
    # The same again is the same run, whatever became of its tuples on the way.
    workdir.claim(tmp_path / "a" / "run", asked, DATA)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 99},
        {"log_every": 7},
        {"checkpoint_every": 7},
        {"keep_checkpoints": 9},
        {"sample_epochs": (3,)},
        {"steps_per_call": 2},
        {"data": {"dir": "elsewhere"}},
        {"data": {"placement": "host"}},
    ],
    ids=str,
)
def test_what_may_change_between_two_starts(tmp_path, change):
    workdir.claim(tmp_path / "run", config(), DATA)
    workdir.claim(tmp_path / "run", config(**change), DATA)
    assert workdir.differences(config().to_dict(), config(**change).to_dict()) == {}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 1}, "seed"),
        ({"batch_size": 32}, "batch_size"),
        ({"parallel": "pmap"}, "parallel"),
        ({"precision": "bfloat16"}, "precision"),
        ({"data": {"augment": {"flip": True}}}, "data.augment.flip"),
        ({"generator_optimizer": {"b1": 0.0}}, "generator_optimizer.b1"),
    ],
    ids=str,
)
def test_what_makes_another_experiment(tmp_path, change, key):
    workdir.claim(tmp_path / "run", config(), DATA)
    before = (tmp_path / "run" / "config.json").read_bytes()
    for refuse in (
        lambda: workdir.check(tmp_path / "run", config(**change)),
        lambda: workdir.claim(tmp_path / "run", config(**change), DATA),
    ):
        with pytest.raises(workdir.WorkdirError, match=rf"config\.{key} is .* you asked for"):
            refuse()
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_the_number_of_keys_that_differ_is_told(tmp_path):
    workdir.claim(tmp_path / "run", config(), DATA)
    with pytest.raises(workdir.WorkdirError, match="and 2 more keys differ"):
        workdir.check(tmp_path / "run", config(seed=1, latent_dim=2, width=0.5))


def test_a_schedule_to_the_end_fixes_the_end():
    old, new = (
        config(steps=steps, generator_optimizer={"schedule": "cosine"}).to_dict()
        for steps in (10, 20)
    )
    assert workdir.differences(old, new) == {"steps": (10, 20)}


def test_a_key_that_the_run_did_not_know_is_a_difference():
    old, new = {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}
    assert workdir.differences(old, new) == {"a.c": (None, 2)}


@pytest.mark.parametrize("key", DATA)
def test_other_data_is_another_run(tmp_path, key):
    workdir.claim(tmp_path / "run", config(), DATA)
    other = {**DATA, key: 11 if key == "size" else ("other",)}
    with pytest.raises(workdir.WorkdirError, match=f"data set has changed .* its {key} was"):
        workdir.claim(tmp_path / "run", config(), other)


def test_folders_that_are_no_run(tmp_path):
    (tmp_path / "empty").mkdir()
    workdir.check(tmp_path / "empty", config())
    workdir.check(tmp_path / "missing", config())
    (tmp_path / "empty" / "file").touch()
    with pytest.raises(workdir.WorkdirError, match="is not empty and holds no run"):
        workdir.check(tmp_path / "empty", config())
    with pytest.raises(workdir.WorkdirError, match="is a file"):
        workdir.check(tmp_path / "empty" / "file", config())
    with pytest.raises(workdir.WorkdirError, match="train one there first"):
        workdir.load(tmp_path / "empty")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": 3, "data": {}}', '{"data": {}}'])
def test_a_config_json_that_is_none(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(workdir.WorkdirError, match="cannot be read"):
        workdir.load(tmp_path)


def test_the_config_is_not_changed_by_being_claimed(tmp_path):
    asked = config()
    before = ConfigDict(asked.to_dict())
    workdir.claim(tmp_path / "run", asked, DATA)
    assert asked.to_dict() == before.to_dict()
