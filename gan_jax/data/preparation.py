"""Downloading and preparing a tfds data set, with failures said in one line."""

import contextlib
import importlib.util
import logging
import queue
import shutil
import socket
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from gan_jax.files import locks

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 4.0
_STILL_SECONDS = 1.0


def one_line(error: BaseException) -> str:
    """Returns the first line of an error's message that is not empty, at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def prepare(builder: Any, name: str, *, progress: bool) -> None:
    """Downloads and prepares a data set as array_record.

    Args:
      builder: a tfds builder of a data set that is not prepared.
      name: what to call it.
      progress: whether to show tfds's progress bars.

    Raises:
      OSError: TensorFlow is not installed, the hosts of the download cannot be reached, or
        tfds fails. What a failed attempt left is removed; what was there before, and what other
        processes make meanwhile, is not.
    """
    where = f"data set {name!r} is not prepared in {builder.data_dir_root}"
    if not has_tensorflow():
        raise OSError(
            f"{where}, and preparing it needs TensorFlow: pip install tensorflow-cpu (reading it "
            "later does not), or set TFDS_DATA_DIR to where it is prepared"
        )
    hosts = _hosts(builder)
    if hosts and not any_reachable(hosts):
        raise OSError(
            f"{where}, and it cannot be downloaded: no connection to "
            f"{', '.join(sorted({host for host, _ in hosts}))}; connect to the network, or set "
            "TFDS_DATA_DIR to where it is prepared"
        )
    root = Path(builder.data_dir_root)
    missing = not root.exists()
    try:
        with _alone(root, builder.name):
            if not is_prepared(builder):  # By another process, in the meantime.
                _prepare(builder, where, progress)
    finally:
        if missing:
            with contextlib.suppress(OSError):
                root.rmdir()


def _alone(root: Path, name: str) -> contextlib.AbstractContextManager[None]:
    """Lets one process prepare a data set, and the others wait; no lock in a storage of objects."""
    return (
        contextlib.nullcontext() if ":/" in str(root) else locks.making(root / name, _log.warning)
    )


def _prepare(builder: Any, where: str, progress: bool) -> None:
    before = _listing(builder)
    try:
        _download(builder, progress)
    except Exception as e:
        if is_prepared(builder):  # By a program that knows of no lock.
            return
        _remove_new_leftovers(builder, before)
        raise OSError(f"{where}, and preparing it failed: {one_line(e)}") from e
    except BaseException:
        _remove_new_leftovers(builder, before)
        raise


def is_prepared(builder: Any) -> bool:
    """Whether a data set is where its builder looks for it."""
    # tfds logs a warning of its own about a folder that does not exist.
    return builder.data_path.exists() and builder.is_prepared()


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed; does not import it."""
    return importlib.util.find_spec("tensorflow") is not None


def _download(builder: Any, progress: bool) -> None:
    import tensorflow_datasets as tfds

    (tfds.enable_progress_bar if progress else tfds.disable_progress_bar)()
    retries = logging.getLogger("urllib3.connectionpool")
    level = retries.level
    retries.setLevel(logging.ERROR)
    try:
        builder.download_and_prepare(file_format="array_record")
    finally:
        retries.setLevel(level)


def _hosts(builder: Any) -> list[tuple[str, int]]:
    """Returns where the download connects to: its hosts, or the proxies that stand for them."""
    proxies = urllib.request.getproxies()
    hosts = set()
    for url in getattr(builder, "url_infos", None) or {}:
        parts = urllib.parse.urlsplit(url)
        proxy = proxies.get(parts.scheme)
        if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
            parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
        if parts.hostname:
            port = parts.port or {"http": 80, "ftp": 21}.get(parts.scheme, 443)
            hosts.add((parts.hostname, port))
    return sorted(hosts)


def any_reachable(hosts: list[tuple[str, int]], timeout: float = _CONNECT_SECONDS) -> bool:
    """Whether a connection to one of the (host, port) is possible within `timeout` seconds."""
    outcomes: queue.Queue[bool] = queue.Queue()

    def connect(address: tuple[str, int]) -> None:
        try:
            socket.create_connection(address, timeout=timeout).close()
        except OSError:
            outcomes.put(False)
        else:
            outcomes.put(True)

    # Threads because looking up a name takes no time-out, and without a network can take long.
    for address in hosts:
        threading.Thread(target=connect, args=(address,), daemon=True).start()
    deadline = time.monotonic() + timeout
    try:
        return any(outcomes.get(timeout=max(0.0, deadline - time.monotonic())) for _ in hosts)
    except queue.Empty:
        return False


def _written_places(builder: Any) -> list[Path]:
    """Returns the folders that preparing writes to, inner ones before those that hold them."""
    root = Path(builder.data_dir_root)
    downloads = root / "downloads"
    above = [p for p in Path(builder.data_dir).parents if root in p.parents]
    return [downloads / builder.name, downloads / "extracted", downloads, *above, root]


def _listing(builder: Any) -> set[Path]:
    places = [place for place in _written_places(builder) if place.is_dir()]
    return set(places).union(*(place.iterdir() for place in places))


def _remove_new_leftovers(builder: Any, before: set[Path]) -> None:
    """Removes what a failed attempt left of its downloads, and folders that are empty now.

    tfds removes its own `incomplete.*` folder: one that is there is another process's.
    """
    new = [path for path in _listing(builder) - before if ".tmp." in path.name]
    written = {path: _last_written(path) for path in new}
    if new:
        # An unfinished download that goes on growing is another process's too.
        time.sleep(_STILL_SECONDS)
    for path in new:
        if _last_written(path) == written[path]:
            shutil.rmtree(path, ignore_errors=True)
    for place in _written_places(builder):
        if place not in before:
            with contextlib.suppress(OSError):
                # tfds notes a data set's default config here before it has prepared one.
                if {p.name for p in place.iterdir()} == {".config"}:
                    (place / ".config").unlink()
                place.rmdir()


def _last_written(path: Path) -> list[tuple[int, int]]:
    try:
        files = [path, *path.rglob("*")]
        return sorted((s.st_mtime_ns, s.st_size) for s in (file.stat() for file in files))
    except OSError:  # It has gone.
        return []
