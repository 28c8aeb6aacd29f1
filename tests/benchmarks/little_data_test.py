"""What the command that trains on few images makes of logs, and the command lines it runs."""

from pathlib import Path

import pytest
from ml_collections import ConfigDict

from gan_jax.cli import config_files
from gan_jax.runs import settings
from tests.benchmarks.scripts import importable

with importable():
    import little_data


def run(*scores):
    lines = [{"step": 10 * i, little_data.SCORE: score} for i, score in enumerate(scores)]
    return little_data.result([*lines, {"step": 5, little_data.P: 0.1}])


def test_a_log_becomes_scores_and_p_by_step():
    found = run(9.0, 3.0, 4.0)
    assert (found["last"], found["best"], found["p"]) == (4.0, 3.0, {5: 0.1})
    with pytest.raises(ValueError, match="no score"):
        little_data.result([{"step": 1}])


def test_a_way_is_better_if_its_worst_seed_beats_the_best_without():
    found = little_data.summary(
        {"none": [run(8.0), run(6.0)], "ada": [run(5.0), run(5.5)], "diffaugment": [run(7.0)]}
    )
    assert found["none"]["last"] == {"mean": 7.0, "low": 6.0, "high": 8.0}
    assert found["ada"]["better_beyond_spread"] == {"last": True, "best": True}
    assert found["diffaugment"]["better_beyond_spread"] == {"last": False, "best": False}
    assert "7.0 (6.0 to 8.0)" in little_data.table(found)


@pytest.mark.parametrize("way", little_data.WAYS)
def test_every_command_line_is_a_config_that_can_be(way):
    options = little_data.parse([])
    *_, config_file, workdir = little_data.command(options, way, 2, Path("runs/x"))[1:4]
    assert (config_file, workdir) == ("--config=configs/dcgan_cifar10.py", "--workdir=runs/x")
    config = ConfigDict(config_files.load("dcgan_cifar10").to_dict(), type_safe=False)
    for argument in little_data.command(options, way, 2, Path("runs/x"))[4:]:
        key, _, value = argument.removeprefix("--config.").partition("=")
        *groups, last = key.split(".")
        group = config
        for name in groups:
            group = group[name]
        group[last] = type(group[last])(value) if value != "True" else True
    settings.check(config)
    assert config.data.max_examples == 1000
    assert config.model.augment.name == way
