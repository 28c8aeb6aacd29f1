"""Where the weights of Inception-v3 come from: a path, a cache, or one download that is checked."""

import functools
import hashlib
import http.server
import pathlib
import shutil
import threading
import types

import numpy as np
import pytest

from gan_jax.metrics import inception_weights
from gan_jax.metrics.extractor import make_extractor
from gan_jax.metrics.torch_file import WeightsError

CONTENT = bytes(range(256)) * 10_000
# Far more than the buffers between server and reader hold.
LONGER = CONTENT * 10
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILES = pathlib.Path(__file__).parent / "torch_files"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        content = LONGER if self.path == "/longer" else CONTENT
        if self.path == "/altered":
            content = b"x" + CONTENT[1:]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = self.path == "/breaks"
        try:
            self.wfile.write(content[: len(content) // 2] if half else content)
        except (BrokenPipeError, ConnectionResetError):
            self.server.broken.append(self.path)


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.broken = [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """An empty home, and no proxy between the tests and their server."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


download = functools.partial(inception_weights.download, sha256=DIGEST, num_bytes=len(CONTENT))


def test_a_download_is_whole_and_leaves_nothing_else(server, tmp_path):
    path = tmp_path / "cache" / "weights.pth"
    download(f"{server.url}/whole", path)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("page", ["altered", "breaks", "longer", "missing"])
def test_a_download_that_is_not_the_file_leaves_nothing(page, server, tmp_path):
    path = tmp_path / "cache" / "weights.pth"
    with pytest.raises(WeightsError, match=r"by hand.*efficientnet_lite0.*no download") as caught:
        download(f"{server.url}/{page}", path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not list(path.parent.iterdir())


def test_much_more_than_expected_is_not_downloaded(server, tmp_path):
    with pytest.raises(WeightsError):
        download(f"{server.url}/longer", tmp_path / "weights.pth")
    # So much more that the server notices that nobody listens.
    server.shutdown()
    assert server.broken == ["/longer"]


def test_no_connection_is_one_line_that_says_what_to_do(server, tmp_path):
    unused = f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.socket.close()
    path = tmp_path / "cache" / "weights.pth"
    with pytest.raises(WeightsError, match=f"put {unused}/w at {path} by hand") as caught:
        download(f"{unused}/w", path)
    assert "\n" not in str(caught.value)
    assert not list(path.parent.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match="by hand") as caught:
        download(f"{server.url}/whole", tmp_path / "file" / "weights.pth")
    assert "\n" not in str(caught.value)
    assert not server.requests


def test_find_downloads_once(server, home, monkeypatch):
    monkeypatch.setattr(inception_weights, "URL", f"{server.url}/whole")
    monkeypatch.setattr(inception_weights, "download", download)
    expected = home / ".cache/gan_jax/weights" / inception_weights.FILE_NAME
    for _ in range(2):
        assert inception_weights.find() == expected
        assert expected.read_bytes() == CONTENT
    assert server.requests == ["/whole"]


def no_download(url, path):
    raise AssertionError(f"{url} to {path}")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setattr(inception_weights, "download", no_download)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "cache/gan_jax/weights" / inception_weights.FILE_NAME
    assert inception_weights.default_path() == path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"here")
    assert inception_weights.find() == path


@pytest.mark.parametrize("name", inception_weights.TORCH_HUB_NAMES)
def test_a_file_that_pytorch_downloaded_is_found(name, home, monkeypatch, tmp_path):
    monkeypatch.setattr(inception_weights, "download", no_download)
    path = home / ".cache/torch/hub/checkpoints" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"here")
    assert inception_weights.find() == path
    moved = tmp_path / "torch/hub/checkpoints" / name
    moved.parent.mkdir(parents=True)
    path.rename(moved)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert inception_weights.find() == moved


def test_read_returns_arrays_and_the_digest_of_the_file():
    path = FILES / "legacy.pth"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for expected in (None, digest):
        state, found = inception_weights.read(path, sha256=expected)
        assert found == digest
        np.testing.assert_array_equal(state["head"], [0, 1, 2])


def test_an_altered_file_is_refused_wherever_it_lies(home, tmp_path):
    """By default nothing but the published file is read, be it given, cached or PyTorch's."""
    match = f"instead of {inception_weights.SHA256}: it is damaged, cut off or another file"
    given = tmp_path / "given.pth"
    shutil.copy(FILES / "zip.pth", given)
    with pytest.raises(WeightsError, match=match):
        make_extractor("inception", weights=given)
    kept = inception_weights.default_path()
    kept.parent.mkdir(parents=True)
    given.rename(kept)
    with pytest.raises(WeightsError, match=match) as caught:
        make_extractor("inception")
    assert str(kept) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.pth"):
        make_extractor("inception", weights=tmp_path / "missing.pth")


def test_progress_is_for_people(monkeypatch, capsys, server, tmp_path):
    download(f"{server.url}/whole", tmp_path / "quiet.pth")
    assert capsys.readouterr().err == ""
    written = []
    terminal = types.SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None)
    monkeypatch.setattr("sys.stderr", terminal)
    download(f"{server.url}/whole", tmp_path / "shown.pth")
    assert "100%" in "".join(written)
    assert "".join(written).endswith("\n")
