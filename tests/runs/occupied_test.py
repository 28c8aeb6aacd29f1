import json
import subprocess
import sys

import pytest
from ml_collections import ConfigDict

from configs import common
from gan_jax.files import atomic, locks
from gan_jax.runs import occupied as occupied_room
from gan_jax.runs import workdir
from gan_jax.runs.data_info import DataInfo
from gan_jax.runs.occupied import occupied
from tests.runs.workdir_test import DATA, STREAM


def start(path, *, seed=0, data=DATA):
    """What a start writes before its first step."""
    config = ConfigDict({**common.base("test").to_dict(), "seed": seed})
    workdir.check(path, config)
    where = workdir.create_or_resume(path, config, data, steps_matter=False)
    where.samples.mkdir(exist_ok=True)
    (where.samples / f"{seed}.png").touch()
    return where


def save(where, step=5):
    (where.checkpoints / str(step)).mkdir(parents=True)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit, None])
def test_a_start_that_saved_nothing_leaves_nothing(tmp_path, error):
    def fail(path):
        with occupied(path):
            start(path)
            if error is not None:
                raise error

    for path in (tmp_path / "a" / "b" / "run", tmp_path / "here"):
        if path.name == "here":
            path.mkdir()
        if error is None:
            fail(path)
        else:
            with pytest.raises(error):
                fail(path)
    assert names(tmp_path) == ["here"]
    assert names(tmp_path / "here") == []


def test_what_a_user_put_into_a_folder_stays_when_a_start_fails(tmp_path):
    run = tmp_path / "run"

    def fail():
        with occupied(run):
            start(run)
            (run / "notes.md").touch()
            (run / "mine").mkdir()
            raise FloatingPointError

    with pytest.raises(FloatingPointError):
        fail()
    assert names(run) == ["mine", "notes.md"]


def test_without_its_record_nothing_of_a_run_stays(tmp_path, monkeypatch):
    def fail():
        with occupied(tmp_path):
            start(tmp_path)
            monkeypatch.setattr(occupied_room.shutil, "rmtree", refuse)
            raise FloatingPointError

    with pytest.raises(FloatingPointError):
        fail()
    assert names(tmp_path) == ["config.json", "samples"]
    start(tmp_path)


def refuse(path, **_):
    raise OSError(f"{path} is being written")


def test_a_run_that_saved_and_logged_nothing_gives_way_to_another_experiment(tmp_path, capsys):
    start(tmp_path)  # And is killed.
    other = DataInfo({"data": {**STREAM, "identity": "other"}})
    where = start(tmp_path, seed=1, data=other)
    assert "saved no checkpoint: this one begins at step 0" in capsys.readouterr().out
    assert names(where.samples) == ["1.png"]
    assert json.loads(where.config.read_text())["config"]["seed"] == 1


def test_a_log_without_a_checkpoint_is_kept_from_another_experiment(tmp_path):
    def fail():
        with occupied(tmp_path):
            start(tmp_path).metrics.write_text('{"step": 4, "loss": 1.0}\n')
            raise FloatingPointError

    with pytest.raises(FloatingPointError):
        fail()
    before = names(tmp_path)
    assert "metrics.jsonl" in before
    with pytest.raises(workdir.WorkdirError, match=r"holds another experiment: its config\.seed"):
        start(tmp_path, seed=1)
    other = DataInfo({"data": {**STREAM, "identity": "other"}})
    with pytest.raises(workdir.WorkdirError, match="the data set has changed"):
        start(tmp_path, data=other)
    assert names(tmp_path) == before
    # The same experiment begins again, and writes the same lines.
    assert not start(tmp_path).metrics.exists()


def test_half_a_grid_of_a_killed_process_is_removed(tmp_path):
    where = start(tmp_path)
    save(where)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    (where.samples / f".1.png.{atomic._HOST}.{ended.pid}.0123abcd.partial").touch()
    with occupied(tmp_path):
        assert names(where.samples) == ["0.png"]


def test_the_best_checkpoint_alone_is_none_to_go_on_from(tmp_path):
    where = start(tmp_path)
    (where.best / "4").mkdir(parents=True)
    for _ in range(2):
        start(tmp_path)
        assert not json.loads(where.config.read_text())["saved"]
        assert names(where.best) == ["4"]
    with pytest.raises(workdir.WorkdirError, match="holds another experiment"):
        start(tmp_path, seed=1)


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    info = DataInfo({"my horses": STREAM})
    with pytest.raises(ValueError, match="must be a name of letters, digits"):
        start(tmp_path, data=info)
    assert names(tmp_path) == []


def test_the_first_checkpoint_claims_the_folder_and_lost_ones_are_missed(tmp_path):
    with occupied(tmp_path) as claim:
        where = start(tmp_path)
        claim.confirm()
        assert not json.loads(where.config.read_text())["saved"]
        save(where)
        claim.confirm()
        assert json.loads(where.config.read_text())["saved"]
    before = names(tmp_path)
    with pytest.raises(workdir.WorkdirError, match=r"holds another experiment: its config\.seed"):
        start(tmp_path, seed=1)
    start(tmp_path)
    (where.checkpoints / "5").rename(tmp_path / "5")
    for folder in (True, False):
        if not folder:
            where.checkpoints.rmdir()
        with pytest.raises(workdir.WorkdirError) as caught:
            start(tmp_path)
        for part in ("/checkpoints holds none: put them back to go on", "give another --workdir"):
            assert part in str(caught.value)
    (tmp_path / "5").rename(where.path / "checkpoints")
    assert names(tmp_path) == before


def test_the_log_of_a_run_of_an_earlier_version_is_not_lost(tmp_path):
    where = start(tmp_path)
    where.metrics.write_text('{"step": 1}\n')
    content = json.loads(where.config.read_text())
    del content["saved"]
    where.config.write_text(json.dumps(content))
    with pytest.raises(workdir.WorkdirError, match="has saved checkpoints"):
        start(tmp_path)


def test_a_checkpoint_claims_the_folder_even_if_the_process_died_before_the_record(tmp_path):
    where = start(tmp_path)
    save(where)
    assert not json.loads(where.config.read_text())["saved"]
    with pytest.raises(workdir.WorkdirError, match="holds another experiment"):
        start(tmp_path, seed=1)
    # The next start records it.
    assert json.loads(start(tmp_path).config.read_text())["saved"]


def test_a_folder_that_was_taken_over_is_left_alone(tmp_path):
    def go_on():
        with occupied(tmp_path) as claim:
            start(tmp_path)
            (tmp_path / ".lock").unlink()
            claim.confirm()

    with pytest.raises(locks.LockLostError, match="it was removed"):
        go_on()
    assert names(tmp_path) == ["config.json", "samples"]
