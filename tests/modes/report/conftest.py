"""A run that was never trained, and an extractor that needs no weights."""

import html.parser
import importlib.util
import json
import pathlib
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, gans, metrics, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.files import write_json_atomically
from gan_jax.images import save_png
from gan_jax.modes.report import page as page_module
from gan_jax.modes.report.report_run import report
from gan_jax.runs import workdir

ROOT = pathlib.Path(__file__).parents[3]
STEPS = 4


def _config():
    spec = importlib.util.spec_from_file_location("config", ROOT / "configs" / "cgan_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config("smoke")
    config.network = "mlp"
    config.width, config.latent_dim, config.batch_size = 0.0625, 4, 8
    config.steps, config.log_every, config.sample_every = STEPS, 1, 2
    config.checkpoint_every, config.ema_decay = STEPS, 0.9
    config.data.classes = (1, 4, 7)
    return config


def save(folder, step):
    """Saves a fresh state as the checkpoint of a step."""
    gan = gans.build(_config(), gans.DataInfo((32, 32, 1), 10))[0].gan
    with Checkpointer(folder) as checkpointer:
        checkpointer.save(step, core.start(gan, 0).replace(step=jnp.int32(step)), {})


@pytest.fixture
def keep_best(run):
    """`keep_best(step)` saves a checkpoint as the run's best."""
    return lambda step: save(workdir.Workdir(run).best, step)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """What training leaves, without its minute of compiling."""
    config = _config()
    info = {
        "image_shape": [32, 32, 1],
        "class_names": [str(digit) for digit in range(10)],
        "present_classes": [1, 4, 7],
        "size": 542,
    }
    where = workdir.claim(tmp_path_factory.mktemp("trained") / "run", config, info)
    save(where.checkpoints, STEPS)
    log = telemetry.MetricsLog(where.metrics)
    for step in range(1, STEPS + 1):
        log.write(
            step,
            {
                "epoch": step / 70,
                "loss/discriminator": 1.0 / step,
                "loss/generator": 0.5 * step,
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
    flat = jnp.mean(images.astype(jnp.float32), -1)[:, ::4, ::4].reshape(len(images), -1)
    return flat * params, flat


@pytest.fixture
def extractor(monkeypatch):
    """Every 16th pixel, in the place of every extractor."""
    made = metrics.Extractor(
        "efficientnet_lite0", "Pixels", 8, "every fourth", 64, 64, "0" * 64, jnp.float32(1), _apply
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
        line = report([run], **options)
        text = (run / "report.html").read_text(encoding="utf-8")
        assert str(run / "report.html") in line
        return Parsed(text), text

    return make


@pytest.fixture
def write_evaluation():
    """`write_evaluation(run, step, scores, **protocol)`."""

    def write(run, step, scores, **protocol):
        content = {"step": step, "checkpoint": str(step), "scores": scores, "protocol": protocol}
        write_json_atomically(run / "evaluations" / f"{step}.json", content)

    return write
