"""The folder of a run that a stranger made goes through every mode that reads one."""

import contextlib
import io
import json
import os
import platform
import shutil
import socket
import subprocess

import pytest

from gan_jax import telemetry
from gan_jax.cli.main import main


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """Lets no program start and no connection be made; returns a list of what was tried."""
    tried = []
    # Python asks uname for it, once, when tfds imports h5py.
    _ = platform.uname().processor

    def refuse(name):
        def refused(*arguments, **_):
            tried.append((name, arguments))
            raise AssertionError(f"{name} was called")

        return refused

    for module, names in (
        (subprocess, ("Popen",)),
        (socket, ("create_connection", "getaddrinfo")),
        (socket.socket, ("connect", "connect_ex", "sendto")),
        (os, ("system", "posix_spawn", "posix_spawnp", "execv", "execve", "fork", "popen")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, refuse(name))
    # Asks git for the commit of the package, which has nothing to do with the run.
    monkeypatch.setattr(telemetry, "environment", lambda: {"python": "3", "commit": None})
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    # Made where matplotlib is first imported, whatever is read.
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "home" / "cache" / "matplotlib"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path / "here")
    return tried


def call(*arguments):
    """`(status, output, errors)` of the command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["gan-jax", *arguments])
    assert not [c for c in out.getvalue() + err.getvalue() if ord(c) < 32 and c != "\n"]
    return status, out.getvalue(), err.getvalue()


def listing(folder):
    """`{path: (kind, time of change, bytes)}` of all that a run must leave alone."""
    return {
        path: (stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if not path.is_relative_to(folder / "run")
        and not path.is_relative_to(folder / "home" / "cache")
        and path != folder / "home"
        for stat in [path.lstat()]
    }


def test_every_mode_reads_it_and_stays_inside(hostile, guarded, extractor, tmp_path):
    before = listing(tmp_path)
    workdir = f"--workdir={hostile}"
    status, out, err = call("--mode=sample", workdir)
    assert (status, err) == (0, "")
    assert f"{hostile}/samples/grid_" in out
    small = ("--num_images=20", "--num_real=20", "--metrics=fid", "--extractor=efficientnet_lite0")
    status, out, err = call("--mode=evaluate", workdir, *small)
    assert status == 2
    assert "knows the classes of digits, not those of digits" in err
    assert "cache_dir='" in out
    assert "is not obeyed: give --trust_workdir" in out
    status, out, err = call("--mode=report", workdir)
    assert (status, err) == (0, "")
    page = (hostile / "report.html").read_text()
    assert "step_00000008.png is a symbolic link and is left out" in page
    assert "step_00000009.png is a fifo and is left out" in page
    assert "<script>window.attacked" not in page
    assert "<img src=x" not in page
    assert listing(tmp_path) == before
    assert not guarded


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("user/repo:pets", "none of tfds's own"),
        ("kaggle:x", "none of tfds's own"),
        ("huggingface:x/y", "none of tfds's own"),
        ("cifar10", "is not downloaded for the run of somebody else"),
        ("mnist:3.*.*", "is not downloaded for the run of somebody else"),
        ("../../x", "none of tfds's own"),
        ("folder:/nowhere\x1b[2J", r"/nowhere\x1b[2J does not exist"),
        ("folder:/dev", "holds no images"),
    ],
)
def test_its_data_is_neither_downloaded_nor_looked_up(
    hostile, guarded, extractor, tmp_path, name, message
):
    path = hostile / "config.json"
    content = json.loads(path.read_text())
    content["config"]["data"]["name"] = name
    path.write_text(json.dumps(content))
    before = listing(tmp_path)
    status, _, err = call("--mode=evaluate", f"--workdir={hostile}")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert message in err
    assert listing(tmp_path) == before
    assert not guarded


def test_two_of_them_are_compared(hostile, guarded, short_plotly, tmp_path):
    other = tmp_path / "other" / "run"
    fifo = shutil.ignore_patterns("step_00000009.png")
    shutil.copytree(hostile, other, symlinks=True, ignore=fifo)
    before = listing(tmp_path)
    output = hostile / "comparison.html"
    status, _, err = call(
        "--mode=report", f"--workdir={hostile}", f"--compare={other}", f"--output={output}"
    )
    assert (status, err) == (0, "")
    assert "<script>window.attacked" not in output.read_text()
    assert listing(tmp_path) == before
    assert not guarded


@pytest.mark.parametrize("mode", ["sample", "evaluate"])
def test_a_link_in_it_leads_nowhere(hostile, guarded, extractor, tmp_path, mode):
    folder = hostile / {"sample": "samples", "evaluate": "evaluations"}[mode]
    folder.rename(hostile / "set_aside")
    folder.symlink_to(tmp_path / "outside", target_is_directory=True)
    before = listing(tmp_path)
    status, _, err = call(f"--mode={mode}", f"--workdir={hostile}")
    assert status == 2
    assert "is a link that leads out of the workdir" in err
    assert listing(tmp_path) == before


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "environment.json"])
def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(hostile, guarded, extractor, name):
    (hostile / name).unlink()
    os.mkfifo(hostile / name)
    status, _, err = call("--mode=report", f"--workdir={hostile}", "--neighbor_images=0")
    if name == "config.json":
        assert (status, len(err.splitlines())) == (2, 1)
        assert "is a fifo, not a file" in err
    else:
        assert (status, err) == (0, "")
        assert f"{name} could not be read (it is a fifo" in (hostile / "report.html").read_text()
