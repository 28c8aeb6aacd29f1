"""A run that was never trained, and an extractor that needs no weights."""

import html.parser
import json
import os
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from configs import cgan_digits
from gan_jax import core, metrics, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.files import write_json_atomically
from gan_jax.images import save_png
from gan_jax.modes.report import page as page_module
from gan_jax.modes.report.report_run import report
from gan_jax.runs import setup, workdir

STEPS = 4


def _config():
    config = cgan_digits.get_config("smoke")
    config.model.network = "mlp"
    config.model.discriminator.normalization = "none"
    config.model.update(width=0.0625, latent_dim=4, ema_decay=0.9)
    config.update(batch_size=8, steps=STEPS, log_every=1, sample_every=2, checkpoint_every=STEPS)
    config.data.classes = (1, 4, 7)
    return config


def save(folder, step, config, specs):
    """Saves a fresh state as the checkpoint of a step."""
    gan = setup.experiment_of(config, specs).phases[0].gan
    with Checkpointer(folder) as checkpointer:
        checkpointer.save(step, core.start(gan, 0).replace(step=jnp.int32(step)), {})


@pytest.fixture
def keep_best(run):
    """`keep_best(step)` saves a checkpoint as the run's best."""
    where = workdir.Workdir(run)
    config, info = workdir.load(run)
    return lambda step: save(where.best, step, config, info.specs)


def make_run(path, config, streams):
    """The folder of a run with one checkpoint, of a fresh state; neither log nor grids."""
    info = workdir.DataInfo({name: dataset.describe() for name, dataset in streams.items()})
    where = workdir.create_or_resume(path, config, info, steps_matter=False)
    save(where.checkpoints, config.steps, config, info.specs)
    return where


@pytest.fixture
def run_in():
    """`run_in(path, config, streams) -> Workdir`, as `make_run`."""
    return make_run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """What training leaves, without its minute of compiling."""
    config, path = _config(), tmp_path_factory.mktemp("trained")
    config.data.cache_dir = str(path / "cache")
    where = make_run(path / "run", config, setup.load_streams(config))
    log = telemetry.MetricsLog(where.metrics)
    for step in range(1, STEPS + 1):
        log.write(
            step,
            {
                "epoch": step / 70,
                "loss/one": 1.0 / step,
                "loss/other": 0.5 * step,
                "probability/real": 0.6,
                "probability/fake_before": 0.4,
                "probability/fake_after": 0.45,
                "time/steps_per_second": 2.0,
                "time/images_per_second": 16.0,
                "time/epoch_seconds": 33.875,
            },
        )
    random = np.random.default_rng(0)
    for step in (0, 2, STEPS):
        save_png(where.grid(step), random.integers(0, 256, (40, 50, 3), np.uint8))
    return where.path


@pytest.fixture
def run(trained, tmp_path):
    """The folder of a run of one's own, three classes of digits."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def rewrite(run):
    """`rewrite(lambda content: ...)` changes the run's config.json."""

    def change(function):
        path = run / "config.json"
        content = json.loads(path.read_text())
        function(content)
        path.write_text(json.dumps(content))

    return change


def _apply(params, images):
    every = images.shape[1] // 8
    gray = jnp.mean(images.astype(jnp.float32), -1)[:, ::every, ::every]
    flat = gray.reshape(len(images), -1)
    return flat * params, flat


@pytest.fixture
def extractor(monkeypatch):
    """Eight by eight pixels, in the place of every extractor."""
    made = metrics.Extractor(
        "efficientnet_lite0", "Pixels", 8, "every few", 64, 64, "0" * 64, jnp.float32(1), _apply
    )
    monkeypatch.setattr(metrics, "make_extractor", lambda name, *, weights=None: made)
    return made


@pytest.fixture
def short_plotly(monkeypatch):
    """A comment in the place of the five megabytes that every page holds."""
    monkeypatch.setattr(page_module, "plotly_javascript", lambda: "/* plotly */")


class Parsed(html.parser.HTMLParser):
    """A page's elements, texts and data."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.scripts, self._open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("img", "input", "meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, text):
        if self._open and self._open[-1] == "script":
            self.scripts.append(text)
        elif self._open and self._open[-1] != "style":
            self.texts.append((self._open[-1], text))

    def text_of(self, tag):
        return [text for open_, text in self.texts if open_ == tag]

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(text for _, text in self.texts)

    @property
    def data(self):
        return json.loads(self.scripts[0])


@pytest.fixture
def parse():
    """`parse(text) -> Parsed`."""
    return Parsed


@pytest.fixture
def classes():
    """`classes(attributes)`: the names in an element's class attribute."""
    return lambda attributes: (attributes.get("class") or "").split()


@pytest.fixture
def page(run, extractor, short_plotly, monkeypatch):
    """`page(**options) -> (Parsed, the text)` of the run."""
    # The checkout's commit is part of it, and may change meanwhile.
    monkeypatch.setattr(telemetry, "environment", lambda: {"python": "3", "commit": None})

    def make(**options):
        (run / "report.html").unlink(missing_ok=True)
        line = report([run], **options)
        text = (run / "report.html").read_text(encoding="utf-8")
        assert str(run / "report.html") in line
        return Parsed(text), text

    return make


ATTACK = "</script><script>window.attacked=1</script><img src=x onerror=window.attacked=2>\"'&"


@pytest.fixture
def hostile(run, tmp_path):
    """The folder of a run that a stranger made, in a folder with `outside/` next to it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    save_png(outside / "private.png", np.full((8, 8, 3), 77, np.uint8))
    path = run / "config.json"
    content = json.loads(path.read_text())
    content["config"]["name"] = f"../../{ATTACK}"
    content["config"]["data"].update(cache_dir=str(outside / "cache"), dir=str(outside / "tfds"))
    content["config"]["evaluate"].update(weights="/dev/zero", extractor="../../x")
    content["data"]["data"]["class_names"]["label"][1] = f"../../{ATTACK}"
    path.write_text(json.dumps(content))
    lines = []
    for step in range(1, 120):
        numbers = (1e308, -1e308, "NaN", "Infinity", 5e-324, 2**53, 0)
        values = {name: numbers[(step + i) % 7] for i, name in enumerate(_HOSTILE_METRICS)}
        lines.append(json.dumps({"step": step, **values, "score_protocol": ATTACK}))
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (run / "environment.json").write_text(json.dumps({ATTACK: {ATTACK: [ATTACK, "\ud800"]}}))
    (run / "evaluations").mkdir(exist_ok=True)
    result = {"step": 2**53, "scores": {ATTACK: 1e308, "fid": 1e308}, "protocol": {ATTACK: ATTACK}}
    (run / "evaluations" / "<script>.json").write_text(json.dumps(result))
    (run / "evaluations" / "a\nb.json").write_text("{" * 100_000)
    samples = run / "samples"
    (samples / "step_00000007.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n")
    (samples / "step_00000008.png").symlink_to(outside / "private.png")
    os.mkfifo(samples / "step_00000009.png")
    shutil.copy(outside / "private.png", samples / "step_00000003_<img src=x onerror=alert(1)>.png")
    (samples / f"step_{'9' * 200}.png").write_bytes(b"")
    return run


_HOSTILE_METRICS = (
    *("epoch", f"loss/{ATTACK}", "loss/a", "probability/real", "time/epoch_seconds", "score/fid"),
    *("time/steps_per_second", "time/images_per_second", f"score/{ATTACK}", "__proto__"),
)


@pytest.fixture
def write_evaluation():
    """`write_evaluation(run, step, scores, **protocol)`."""

    def write(run, step, scores, **protocol):
        content = {"step": step, "checkpoint": str(step), "scores": scores, "protocol": protocol}
        write_json_atomically(run / "evaluations" / f"{step}.json", content)

    return write
