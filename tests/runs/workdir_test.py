import json

import jax
import pytest
from ml_collections import ConfigDict

from configs import common
from gan_jax import core
from gan_jax.runs import workdir
from gan_jax.runs.setup import experiment_of

STREAM = {
    "name": "pets",
    "split": "train",
    "size": 10,
    "identity": "abc",
    "arrays": {
        "image": {"shape": (32, 32, 3), "num_classes": 0},
        "label": {"shape": (), "num_classes": 2},
    },
    "class_names": {"label": ("cat", "dog")},
    "present_classes": {"label": (1,)},
    "class_counts": {"label": (0, 10)},
}
DATA = workdir.DataInfo({"data": STREAM})


def config(**changes):
    made = common.base("test")
    made.update(changes)
    return made


def create(path, asked, data=DATA, *, steps_matter=False):
    """A run that has saved a checkpoint: until then its folder is anybody's."""
    where = workdir.create_or_resume(path, asked, data, steps_matter=steps_matter)
    (where.checkpoints / "7").mkdir(parents=True, exist_ok=True)
    workdir.record_saved(where)
    return where


def test_a_workdir_holds_what_sampling_needs(tmp_path):
    asked = config(data={"classes": ("dog",)}, sample_epochs=(1, 25))
    where = create(tmp_path / "a" / "run", asked, DATA)
    held, data = workdir.load(tmp_path / "a" / "run")
    assert data.streams == json.loads(json.dumps({"data": STREAM}))
    assert data.specs == {
        "image": core.ArraySpec((32, 32, 3)),
        "label": core.ArraySpec((), 2),
    }
    assert data.class_names("label") == ("cat", "dog")
    assert data.present_classes("label") == (1,)
    assert data.stream_of("image") == "data"
    with pytest.raises(ValueError, match="did you mean 'image'"):
        data.stream_of("images")
    assert held.data.classes == ["dog"]
    assert set(held.to_dict()) == set(asked.to_dict())
    assert where.grid(7) == tmp_path / "a" / "run" / "samples" / "step_00000007.png"
    assert sorted(p.name for p in where.path.iterdir()) == ["checkpoints", "config.json"]
    # The same again is the same run, whatever became of its tuples on the way.
    create(tmp_path / "a" / "run", asked, DATA)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 99},
        {"log_every": 7},
        # Checkpoints are the same in every mode.
        {"parallel": "pmap"},
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
    create(tmp_path / "run", config(), DATA)
    create(tmp_path / "run", config(**change), DATA)
    assert workdir.differences(config().to_dict(), config(**change).to_dict()) == {}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 1}, "seed"),
        ({"batch_size": 32}, "batch_size"),
        ({"precision": "bfloat16"}, "precision"),
        ({"data": {"augment": {"flip": True}}}, "data.augment.flip"),
        ({"model": {"generator_optimizer": {"b1": 0.0}}}, "model.generator_optimizer.b1"),
    ],
    ids=str,
)
def test_what_makes_another_experiment(tmp_path, change, key):
    create(tmp_path / "run", config(), DATA)
    before = (tmp_path / "run" / "config.json").read_bytes()
    for refuse in (
        lambda: workdir.check(tmp_path / "run", config(**change)),
        lambda: create(tmp_path / "run", config(**change), DATA),
    ):
        with pytest.raises(workdir.WorkdirError, match=rf"config\.{key} is .* you asked for"):
            refuse()
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_the_number_of_keys_that_differ_is_printed(tmp_path):
    create(tmp_path / "run", config(), DATA)
    with pytest.raises(workdir.WorkdirError, match="and 2 more keys differ"):
        workdir.check(tmp_path / "run", config(seed=1, model={"latent_dim": 2, "width": 0.5}))


@pytest.mark.parametrize(
    ("model", "matter"),
    [
        ({}, False),
        ({"generator_optimizer": {"schedule": "cosine"}}, True),
        ({"generator_optimizer": {"schedule": "cosine", "decay_steps": 5}}, False),
        ({"discriminator_optimizer": {"b2": common.schedule("linear", 0.9, to=0.99)}}, True),
        ({"ema_decay": common.schedule("linear", 0.9, to=0.99)}, True),
        ({"ema_decay": common.schedule("linear", 0.9, to=0.99, steps=5)}, False),
        ({"penalty": {"name": "r1", "weight": common.schedule("linear", 1.0)}}, True),
    ],
)
def test_a_schedule_to_the_end_fixes_the_end(tmp_path, model, matter):
    asked = config(steps=10)
    asked.model.update(model)
    experiment = experiment_of(asked, {"image": core.ArraySpec((32, 32, 3))})
    assert experiment.ends_with_the_run == matter
    create(tmp_path / "run", asked, steps_matter=experiment.ends_with_the_run)
    asked.steps = 20
    if matter:
        with pytest.raises(workdir.WorkdirError, match="steps is 10, you asked for 20, and a sch"):
            workdir.check(tmp_path / "run", asked)
    else:
        workdir.check(tmp_path / "run", asked)


def test_64_bit_mode_is_refused():
    specs = {"image": core.ArraySpec((32, 32, 3))}
    with jax.enable_x64(True), pytest.raises(ValueError, match="unset JAX_ENABLE_X64"):
        experiment_of(config(steps=10), specs)
    assert experiment_of(config(steps=10), specs).steps == 10


def test_a_key_that_the_run_did_not_know_is_a_difference():
    old, new = {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}
    assert workdir.differences(old, new) == {"a.c": (None, 2)}


@pytest.mark.parametrize("key", STREAM)
def test_other_data_is_another_run(tmp_path, key):
    create(tmp_path / "run", config())
    value = {
        "arrays": {"image": {"shape": (8, 8, 3), "num_classes": 0}},
        "class_names": {"label": ("cat", "cow")},
        "present_classes": {"label": (0,)},
        "class_counts": {"label": (10, 0)},
    }.get(key, "other")
    other = workdir.DataInfo({"data": {**STREAM, key: value}})
    with pytest.raises(workdir.WorkdirError, match=rf"data set has changed .* its {key} was"):
        create(tmp_path / "run", config(), other)
    with pytest.raises(workdir.WorkdirError, match=r"data set has changed .* its streams was"):
        create(tmp_path / "run", config(), workdir.DataInfo({"a": STREAM, "b": STREAM}))


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


def test_the_config_is_not_changed_by_being_kept(tmp_path):
    asked = config()
    before = ConfigDict(asked.to_dict())
    create(tmp_path / "run", asked, DATA)
    assert asked.to_dict() == before.to_dict()
