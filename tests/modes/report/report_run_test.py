"""The page of a run and of several: what is in it, what is not, and what it never does."""

import base64
import hashlib
import json
import pathlib
import re
import shutil
from importlib import resources

import numpy as np
import pytest

from gan_jax import data, metrics, telemetry
from gan_jax.checkpoint import CheckpointError
from gan_jax.images import save_png
from gan_jax.modes.report import charts
from gan_jax.modes.report.gathering import gather
from gan_jax.modes.report.grids import MAX_GRIDS, read_grids
from gan_jax.modes.report.report_run import report
from gan_jax.runs.workdir import WorkdirError

ALL_SECTIONS = [
    "Grids over training",
    "Summary",
    "Real next to generated",
    "Interpolations",
    "Nearest neighbors in the training set",
    "Curves",
    "Scores",
    "Environment",
    "Config",
]


def test_a_page_holds_every_section(page, run, classes, write_evaluation):
    write_evaluation(run, 2, {"fid_efficientnet_lite0": 20.0}, fake_count=10, seed=0)
    write_evaluation(run, 4, {"fid_efficientnet_lite0": 30.0}, fake_count=10, seed=0)
    parsed, _ = page()
    assert parsed.text_of("h1") == ["cgan on digits, 4 steps"]
    assert parsed.text_of("h2") == ALL_SECTIONS
    assert "FID (EfficientNet-Lite0): best at step 2, and worse by 50 % at step 4." in parsed.text
    assert "fake_count 10, seed 0" in parsed.text
    assert "All 542 training images were searched." in parsed.text
    titles = parsed.text_of("h3")
    assert {"Losses", "D(x) and D(G(z))", "Time per epoch"} <= set(titles)
    charts_there = {element["id"] for element in parsed.all("div") if "chart" in classes(element)}
    assert charts_there == set(parsed.data["charts"])
    (uris,) = parsed.data["sliders"].values()
    assert len(uris) == 2  # and the last, which is shown at first
    slider = next(element for element in parsed.all("input"))
    assert slider["type"] == "range"
    assert slider["max"] == "2"
    assert slider["aria-valuetext"] == "step 4"


def test_generated_images_are_next_to_real_ones_of_their_class(page, classes):
    parsed, _ = page(neighbor_images=20)
    strips = [e["aria-label"] for e in parsed.all("div") if "strip" in classes(e)]
    for name in "147":
        assert f"8 real images of {name}" in strips
        assert f"8 generated images of {name}" in strips
    assert "20 of 542 training images were searched" in parsed.text
    # The first five numbers and the five closest, each with five neighbors.
    assert len([e for e in parsed.all("td") if "match" in classes(e)]) == 10 * 6
    alts = [image["alt"] for image in parsed.all("img") if image["alt"]]
    assert any(re.fullmatch("training image of [147]", alt) for alt in alts)


def test_nothing_is_loaded_and_only_the_page_s_own_scripts_run(page):
    parsed, _ = page(neighbor_images=0)
    for tag, attributes in parsed.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#")), (tag, value)
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert not any(name.startswith("on") for name in attributes)
    style = resources.files("gan_jax.modes.report").joinpath("page.css").read_text()
    assert "url(" not in style
    assert "@import" not in style
    policy = parsed.all("meta")[1]["content"]
    assert parsed.all("meta")[1]["http-equiv"] == "Content-Security-Policy"
    assert policy.startswith("default-src 'none'")
    executed = [a for a in parsed.all("script") if a.get("type") != "application/json"]
    assert len(executed) == 2
    for script in parsed.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


ATTACKING_LINE = {
    "step": 4,
    f"loss/{ATTACK}": 1.0,
    f"score/{ATTACK}": 2.0,
    "score_protocol": ATTACK,
}


def test_what_comes_from_files_is_text(page, rewrite, run, write_evaluation):
    def attack(content):
        content["data"]["data"]["class_names"]["label"][1] = ATTACK
        content["config"]["data"]["name"] = "digits"
        content["config"]["name"] = ATTACK
        content["config"][ATTACK] = ATTACK

    rewrite(attack)
    (run / "environment.json").write_text(json.dumps({ATTACK: ATTACK}))
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps(ATTACKING_LINE) + "\n")
    write_evaluation(run, 2, {ATTACK: 1.0}, **{ATTACK: ATTACK})
    (run / "evaluations" / "<script>.json").write_text("{")
    parsed, _ = page(neighbor_images=0)
    assert len(parsed.all("script")) == 3
    assert not [image for image in parsed.all("img") if image.get("src") == "x"]
    assert parsed.text.count(ATTACK) > 3
    # A slash parts the name of a metric from its player's.
    shown = ATTACK.partition("/")[2]
    assert any(shown in line["name"] for line in parsed.data["charts"]["chart-1"]["data"])


def test_the_same_folder_gives_the_same_page(page):
    assert page(neighbor_images=0)[1] == page(neighbor_images=0)[1]


def test_a_second_report_reads_the_features_that_the_first_kept(page, run, monkeypatch, rewrite):
    rewrite(lambda content: content["config"]["data"].update(cache_dir=str(run / "cache")))
    first = page(trusted=True)[1]
    (kept,) = (run / "cache").glob("digits-train-efficientnet_lite0-542-*.features")
    seen = []
    from gan_jax.evaluation import features

    extract = features.extract
    monkeypatch.setattr(
        features, "extract", lambda e, images, **k: seen.append(len(images)) or extract(e, images)
    )
    assert page(trusted=True)[1] == first
    assert seen == [256]
    kept.write_bytes(kept.read_bytes()[:-100])
    assert page(trusted=True)[1] == first
    assert seen == [256, 542, 256]


def test_an_empty_run_is_a_page_that_says_what_is_missing(page, run):
    for name in ("checkpoints", "samples"):
        shutil.rmtree(run / name)
    (run / "metrics.jsonl").unlink()
    (run / "environment.json").unlink(missing_ok=True)
    parsed, _ = page()
    sentences = " ".join(parsed.text_of("p"))
    assert "No curves: metrics.jsonl holds no line yet." in sentences
    assert "No scores: there is no evaluation in the run's folder." in sentences
    assert "No grids: samples/ holds none yet." in sentences
    assert "no checkpoint can be read (there is no checkpoint in run/checkpoints)" in sentences
    assert "The run keeps no environment.json of its training." in sentences


def test_a_config_of_another_version_is_told_of(page, rewrite):
    rewrite(lambda content: content["config"].pop("precision"))
    parsed, _ = page()
    assert "the run's config.json is not of this version of gan_jax" in parsed.text
    assert "precision" in parsed.text
    with pytest.raises(ValueError, match="precision"):
        page(step=4)


def test_the_best_checkpoint_generates_where_the_run_keeps_one(page, run, keep_best):
    keep_best(3)
    assert "checkpoint of step 3, raw weights" in page(neighbor_images=0, ema=False)[0].text
    shutil.rmtree(run / "checkpoint_best" / "3")
    assert "checkpoint of step 4, averaged weights" in page(neighbor_images=0)[0].text


def test_damaged_files_are_told_of(page, run):
    (run / "metrics.jsonl").write_text("{}\nnot json\n{}\n")
    (run / "environment.json").write_text("[]")
    (run / "evaluations").mkdir(exist_ok=True)
    (run / "evaluations" / "1.json").write_text("{")
    (run / "evaluations" / "2.json").write_text('{"step": 1}')
    next((run / "samples").glob("*.png")).write_bytes(b"no image")
    parsed, _ = page(neighbor_images=0)
    text = parsed.text
    assert "metrics.jsonl could not be read" in text
    assert "environment.json could not be read (it must be a group of keys, not a list)." in text
    assert "1.json could not be read" in text
    assert "evaluations/2.json could not be read (scores is missing)." in text
    assert "1 of the images in samples/ could not be read." in text


def test_without_its_data_set_a_run_shows_what_it_generates(page, monkeypatch, classes):
    def gone(*_, **__):
        raise OSError("the data set cannot be downloaded")

    monkeypatch.setattr(data, "load", gone)
    parsed, _ = page()
    assert "Generated" in parsed.text_of("h2")
    assert "as the data set is not available (the data set cannot be downloaded)" in parsed.text
    strips = [e["aria-label"] for e in parsed.all("div") if "strip" in classes(e)]
    assert "8 generated images of 1" in strips
    assert not [label for label in strips if "real" in label]


def test_a_data_set_that_has_changed_is_not_compared_with(page, rewrite):
    rewrite(lambda content: content["data"]["data"].update(identity="another"))
    parsed, _ = page()
    assert "the data set is another than in training" in parsed.text


def test_without_an_extractor_the_search_is_left_out(page, monkeypatch):
    def missing(name, *, weights=None):
        raise ValueError("pip install the-weights")

    monkeypatch.setattr(metrics, "make_extractor", missing)
    parsed, _ = page()
    assert "no extractor to compare with (pip install the-weights)" in parsed.text
    with pytest.raises(ValueError, match="pip install"):
        page(weights="given.pth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbor_images": -1}, "neighbor_images=-1"),
        ({"neighbor_images": 1}, "at least 2"),
        ({"neighbor_images": 0, "weights": "w"}, "--weights has no effect"),
        ({"seed": -1}, "seed"),
        ({"extractor": "inceptoin"}, "did you mean 'inception'"),
        ({"output": "page.pdf"}, "a report is a .html"),
    ],
)
def test_a_mistake_is_one_line(run, options, message):
    with pytest.raises(ValueError, match=message) as error:
        report([run], **options)
    assert "\n" not in str(error.value)
    assert not (run / "report.html").exists()


def test_only_a_folder_without_a_run_or_a_missing_step_is_refused(run, tmp_path, extractor):
    with pytest.raises(WorkdirError, match="holds no run"):
        report([tmp_path])
    with pytest.raises(WorkdirError, match="holds no run"):
        report([run, tmp_path])
    with pytest.raises(ValueError, match="given twice"):
        report([run, run])
    with pytest.raises(CheckpointError, match="no checkpoint of step 3"):
        report([run], step=3)


def test_an_output_that_exists_is_refused_before_the_work(run, tmp_path):
    precious = tmp_path / "precious.html"
    precious.write_text("mine")
    with pytest.raises(FileExistsError, match="exists: give a new --output"):
        report([run], output=precious)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("several", [False, True])
def test_a_second_report_does_not_replace_the_first(
    run, tmp_path, short_plotly, monkeypatch, several
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(telemetry, "environment", lambda: {"python": "3", "commit": None})
    workdirs = [run, shutil.copytree(run, tmp_path / "other")] if several else [run]
    stem = "comparison" if several else str(run / "report")

    def made():
        line = report(workdirs, neighbor_images=0)
        return re.search(r": (.*\.html) \(", line)[1]

    assert made() == f"{stem}.html"
    first = pathlib.Path(f"{stem}.html").read_bytes()
    # The same page once more is not a second one.
    assert made() == f"{stem}.html"
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"step": 5, "epoch": 1.0, "loss/one": 0.5}) + "\n")
    assert made() == f"{stem}_2.html"
    assert made() == f"{stem}_2.html"
    assert pathlib.Path(f"{stem}.html").read_bytes() == first
    pathlib.Path(f"{stem}.html").write_text("mine")
    assert made() == f"{stem}_2.html"
    assert pathlib.Path(f"{stem}.html").read_text() == "mine"


def test_grids_are_thinned_evenly_to_what_a_page_shows(run):
    for step in range(6, 200, 2):
        shutil.copy(run / "samples" / "step_00000004.png", run / "samples" / f"step_{step:08d}.png")
    steps, images, broken = read_grids(gather(run).grids[""])
    assert len(steps) == len(images) == MAX_GRIDS
    assert (steps[0], steps[-1], broken) == (0, 198, 0)
    assert max(np.diff(steps)) <= 2 * min(np.diff(steps))


def test_without_plotly_there_is_one_clear_line(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(ValueError, match="pip install plotly"):
        report([run])


def test_a_page_of_large_grids_stays_below_ten_million_bytes(run, extractor, classes, parse):
    random = np.random.default_rng(0)
    for step in range(0, 110, 10):
        # Noise is what compresses worst.
        noise = random.integers(0, 256, (400, 400, 3), np.uint8)
        save_png(run / "samples" / f"step_{step:08d}.png", noise)
    line = report([run])
    text = (run / "report.html").read_text(encoding="utf-8")
    assert line.endswith(f"({len(text.encode()) / 1e6:.1f} MB)")
    parsed = parse(text.replace(charts.plotly_javascript(), ""))
    assert len(text.encode()) < 10_000_000
    (uris,) = parsed.data["sliders"].values()
    assert 2 <= len(uris) + 1 <= 40
    steps, _, _ = read_grids(gather(run).grids[""])
    labels = next(e["data-labels"] for e in parsed.all("div") if "slider" in classes(e)).split("\n")
    assert labels[0] == f"step {steps[0]}"
    assert labels[-1] == f"step {steps[-1]}"
    assert "to keep this page small" in parsed.text
