"""The table of modes, `--mode=list` and `--help`; and what a new mode costs."""

import pathlib
import subprocess
import sys

import pytest

from gan_jax.cli import config_files, modes, parsing
from gan_jax.cli.main import main

ROOT = pathlib.Path(__file__).parents[2]
NEW = '''"""Says hello, as often as asked."""

import dataclasses
from typing import Annotated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=hello`."""

    workdir: Annotated[str, "Whom to greet."]
    times: Annotated[int, "How often."] = 1


def main(flags):
    """Greets."""
    print(f"hello {flags.workdir}\\n" * flags.times, end="")
    return 3
'''


@pytest.fixture
def command_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main(["/bin/gan-jax", *arguments])
        return status, *capsys.readouterr()

    return call


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpshort", "--helpfull"])
def test_help_names_modes_configs_and_flags(command_line, flag):
    status, out, err = command_line(flag, "--nonsense")
    assert (status, err) == (0, "")
    assert out.startswith("gan-jax --config=")
    for name, mode in modes.load().items():
        assert f"\n  {name} " in out
        assert f"  {mode.summary}\n" in out
        for declared in mode.flags:
            assert f"--{declared.name}=" in out or f"--[no]{declared.name}" in out
    assert "\n  dcgan_cifar10  " in out
    assert max(map(len, out.splitlines())) <= 120


def test_help_of_one_mode_shows_its_flags_alone(command_line):
    status, out, _ = command_line("--mode=sample", "--help")
    assert status == 0
    assert out.startswith("flags of --mode=sample\n  --workdir=TEXT ")
    described = " ".join(out.split())
    assert "Images in one row of a grid; 10 by default; at least 1 and at most 1000." in described
    assert "--batch_sizes" not in out
    # An unknown mode is no reason to refuse the help.
    assert command_line("--mode=smaple", "--help")[:1] == (0,)


def test_list_names_configs_and_modes_with_their_first_lines(command_line):
    status, out, err = command_line("--mode=list")
    assert (status, err) == (0, "")
    assert (
        "  cgan_digits               Conditional GAN on scikit-learn's digits: the quickstart"
        in out
    )
    assert "common" not in out
    assert "  report     Writes one self-contained page" in out


def test_help_and_mistakes_do_not_wait_for_jax():
    code = (
        "import sys\nfrom gan_jax.cli.main import main\n"
        "assert main(['gan-jax', '--help']) == 0\n"
        "assert main(['gan-jax', '--mode=list']) == 0\n"
        "assert main(['gan-jax', '--mode=sample', '--workdri=x']) == 2\n"
        "heavy = {'jax', 'flax', 'orbax', 'tensorflow', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_a_new_mode_is_a_module_and_a_line(command_line, monkeypatch, tmp_path):
    (tmp_path / "mode_hello.py").write_text(NEW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(modes.MODULES, "hello", "mode_hello")
    assert command_line("--mode=hello", "--workdir=you", "--times=2") == (
        3,
        "hello you\nhello you\n",
        "",
    )
    assert (
        "--times is for --mode=hello, not sample" in command_line("--mode=sample", "--times=2")[2]
    )
    assert "--mode=hello needs --workdir" in command_line("--mode=hello")[2]
    assert "  --times=N             How often; 1 by default." in command_line("--help")[1]
    assert "  hello      Says hello, as often as asked." in command_line("--mode=list")[1]


def test_two_modes_must_agree_on_the_type_of_a_flag(monkeypatch, tmp_path):
    (tmp_path / "mode_other.py").write_text(
        NEW.replace("workdir: Annotated[str", "workdir: Annotated[int")
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(modes.MODULES, "other", "mode_other")
    with pytest.raises(TypeError, match="two modes declare --workdir"):
        parsing.parse(["gan-jax"], modes.load())


def test_show_explains_every_key(command_line):
    status, out, err = command_line(
        "--mode=show", "--config=cgan_digits", "--config.data.augment.flip"
    )
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    # The value, a mark where it is not the default, the range, the meaning.
    assert "  config.steps = 3000  *\n      Steps of the whole run;" in out
    assert "(a whole number; at least 1; 23450 by default)" in " ".join(out.split())
    assert "  config.data.augment.flip = True  *\n" in out
    assert "  config.batch_size = 64\n" in out
    assert "one of auto, device, host" in out
    assert "  config.model.discriminator_optimizer.learning_rate = 0.001  *\n" in out
    found = config_files.load("cgan_digits").to_dict()
    for key in _flat(found):
        assert f"  config.{key} = " in out
    status, out, err = command_line("--mode=show", "--config=cgan_digits", "--config.steps=0")
    assert (status, out, err) == (2, "", "error: config.steps must be at least 1, not 0\n")


def _flat(config, prefix=""):
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key
