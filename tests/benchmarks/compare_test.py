"""The comparison's own logic: statistics, protocol, JSON, arguments and failing workers.

Workers here are small processes with made-up timings; neither PyTorch nor a train step is needed.
"""

import json
import sys

import numpy as np
import pytest

from tests.benchmarks.scripts import BENCHMARKS, importable

with importable():
    import compare
    import comparison_summary
    import machine
    import worker_process
    import worker_protocol

FAKE_WORKER = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import worker_protocol

SECONDS_A_STEP = {{"eager": 0.4, "channels_last": 0.3, "jax": 0.2}}


def build(settings):
    print("a library greets on stdout")
    if settings.variant == "compile":
        raise RuntimeError("no compiler found\\nand a long story")

    def run(steps):
        if settings.variant == "compile_channels_last" and steps == 3:
            return 1.0, {{"generator": float("nan")}}
        return steps * SECONDS_A_STEP.get(settings.variant, 0.5), {{"generator": 0.5}}

    return worker_protocol.Worker({{"variant": settings.variant, "threads": settings.threads}}, run)


sys.exit(worker_protocol.serve(build))
"""


@pytest.fixture
def fake_worker(tmp_path):
    script = tmp_path / "fake_worker.py"
    script.write_text(FAKE_WORKER)
    return script


@pytest.fixture
def fake_scripts(fake_worker, monkeypatch):
    monkeypatch.setattr(compare, "SCRIPTS", {"jax": fake_worker, "torch": fake_worker})


def settings(**changes):
    return worker_protocol.Settings(**{"threads": 1, **changes})


class TestStatistics:
    def test_spread_agrees_with_numpy(self):
        values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0]
        result = comparison_summary.spread(values)
        quartiles = np.percentile(values, [25, 50, 75])
        expected = [*quartiles, 1.0, 9.0]
        keys = ["lower_quartile", "median", "upper_quartile", "minimum", "maximum"]
        np.testing.assert_allclose([result[key] for key in keys], expected, rtol=1e-12)

    def test_spread_of_one_value_is_that_value(self):
        assert set(comparison_summary.spread([2.0]).values()) == {2.0}

    def test_spread_of_nothing_is_an_error(self):
        with pytest.raises(ValueError, match="no values"):
            comparison_summary.spread([])

    def test_ratios_are_taken_round_by_round(self):
        # The machine halves its speed in the second round: the ratio does not notice.
        assert comparison_summary.paired_ratios([3.0, 6.0], [2.0, 4.0]) == [1.5, 1.5]

    @pytest.mark.parametrize(
        ("above", "below", "message"),
        [([1.0], [1.0, 2.0], "1 rounds against 2"), ([1.0], [0.0], "positive")],
    )
    def test_ratios_of_unfit_times_are_an_error(self, above, below, message):
        with pytest.raises(ValueError, match=message):
            comparison_summary.paired_ratios(above, below)

    def test_every_worker_takes_every_place_equally_often(self):
        names = ["jax", "eager", "compile"]
        orders = [comparison_summary.rotation(names, number) for number in range(3)]
        assert all(sorted(order) == sorted(names) for order in orders)
        assert all(sorted(place) == sorted(names) for place in zip(*orders, strict=True))

    def test_summary_of_known_timings(self):
        seconds = {"jax": [1.0, 2.0, 1.0], "eager": [3.0, 6.0, 3.0], "compile": [2.0, 4.0, 2.0]}
        result = comparison_summary.summarize(seconds, steps=2, batch_size=64, critic_steps=5)
        assert result["best_torch"] == "compile"
        assert result["variants"]["jax"]["ms_per_step"]["median"] == pytest.approx(500.0)
        assert result["variants"]["jax"]["discriminator_images_per_s"] == pytest.approx(640.0)
        assert result["variants"]["jax"]["generator_images_per_s"] == pytest.approx(128.0)
        assert result["speedups"]["eager"]["median"] == pytest.approx(3.0)
        assert result["speedups"]["compile"]["minimum"] == pytest.approx(2.0)
        assert set(result["speedups"]) == {"eager", "compile"}

    def test_summary_without_torch_has_no_ratio(self):
        result = comparison_summary.summarize({"jax": [1.0]}, steps=1, batch_size=1, critic_steps=1)
        assert result["best_torch"] is None
        assert result["speedups"] == {}

    def test_table_names_the_numbers_and_the_best_variant(self):
        seconds = {"jax": [1.0], "eager": [3.0], "compile": [1.25]}
        text = comparison_summary.table(
            "title", comparison_summary.summarize(seconds, steps=2, batch_size=64, critic_steps=1)
        )
        lines = {line.split("  ")[0]: line for line in text.splitlines()}
        assert "500.0" in lines["jax"]
        assert "1.25x" in lines["torch compile *"]
        assert "3.00x" in lines["torch eager"]


class TestJson:
    def test_round_trip_replaces_the_old_file_and_leaves_nothing_else(self, tmp_path):
        path = tmp_path / "results" / "name.json"
        comparison_summary.write_json(path, {"first": 1})
        comparison_summary.write_json(path, {"second": [0.1, 2.0]})
        assert json.loads(path.read_text()) == {"second": [0.1, 2.0]}
        assert list(path.parent.iterdir()) == [path]

    def test_a_failed_write_keeps_the_old_file(self, tmp_path):
        path = tmp_path / "name.json"
        comparison_summary.write_json(path, {"first": 1})
        with pytest.raises(TypeError):
            comparison_summary.write_json(path, {"fine": 1, "no JSON": object()})
        assert json.loads(path.read_text()) == {"first": 1}
        assert list(tmp_path.iterdir()) == [path]


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--system=dcgan,wgan"], "'wgan'; there are dcgan, wgan_gp, sngan"),
            (["--variants=eagre"], "'eagre'; there are eager"),
            (["--variants=cuda_graphs"], "needs --device cuda"),
            (["--rounds=0"], "at least 1"),
            (["--steps=3", "--steps-per-call=2"], "--steps 3 is not a multiple"),
            (["--steps=4", "--warmup-steps=2"], "--warmup-steps 2 is not a multiple"),
            (["--precision=tf32"], "needs --device cuda"),
            (["--networks=big"], "invalid choice"),
            (["--max-isa=sse"], "invalid choice"),
            (["--width=0"], "must be above 0"),
            (["--width=nan"], "must be above 0"),
            (["--data=/no/such.npy"], "is not a file"),
        ],
    )
    def test_mistakes_are_one_line_and_status_2(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit_info:
            compare.parse_arguments(arguments)
        assert exit_info.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]

    def test_steps_per_call_follows_the_steps_of_a_round(self):
        assert compare.parse_arguments(["--steps=2"]).steps_per_call == 2

    def test_settings_hold_the_recipe_of_each_system(self):
        options = compare.parse_arguments(
            ["--networks=dcgan_8x8", "--critic-steps=3", "--width=0.25", "--max-isa=avx2"]
        )
        dcgan = compare.settings_of(options, "dcgan", "eager")
        wgan_gp = compare.settings_of(options, "wgan_gp", "eager")
        assert (dcgan.networks, dcgan.critic_steps) == ("dcgan_4x4", 1)
        assert (wgan_gp.networks, wgan_gp.critic_steps) == ("dcgan_8x8", 3)
        sngan = compare.settings_of(options, "sngan", "eager")
        assert (sngan.networks, sngan.critic_steps) == ("resnet", 3)
        assert {one.width for one in (dcgan, wgan_gp, sngan)} == {0.25}
        assert {one.max_isa for one in (dcgan, wgan_gp, sngan)} == {"avx2"}

    def test_cuda_graphs_only_on_cuda_and_the_allocator_on_a_cpu(self):
        on_cpu, on_cuda = map(compare.applicable_variants, ("cpu", "cuda"))
        assert set(on_cpu) | set(on_cuda) == set(worker_protocol.TORCH_VARIANTS)
        assert "cuda_graphs" in set(on_cuda) - set(on_cpu)
        assert set(on_cpu) - set(on_cuda) == {
            "eager_default_allocator",
            "channels_last_default_allocator",
        }
        assert settings(variant="eager_default_allocator").has_default_allocator
        assert not settings(variant="eager").has_default_allocator

    def test_settings_survive_the_command_line(self):
        before = settings(variant="compile", seed=3)
        assert worker_protocol.Settings.from_json(before.to_json()) == before


class TestInstructions:
    def test_both_frameworks_are_held_to_them(self, monkeypatch):
        monkeypatch.setenv("XLA_FLAGS", "--xla_of_the_user=1")
        held = worker_process.environment(settings(max_isa="avx2"))
        assert held["XLA_FLAGS"] == "--xla_of_the_user=1 --xla_cpu_max_isa=AVX2"
        assert (held["ATEN_CPU_CAPABILITY"], held["ONEDNN_MAX_CPU_ISA"]) == ("avx2", "AVX2")

    def test_the_processor_has_its_own_where_nothing_is_said(self, monkeypatch):
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
        monkeypatch.setenv("XLA_FLAGS", "--xla_of_the_user=1")
        free = worker_process.environment(settings())
        assert free["XLA_FLAGS"] == "--xla_of_the_user=1"
        assert "ONEDNN_MAX_CPU_ISA" not in free

    def test_those_of_a_processor_are_recorded(self):
        x86 = "model name : P 1\nflags\t\t: fpu avx avx2 fma avx512f amx_tile sse\nflags : other\n"
        arm = "Features\t: fp asimd sve2\n"
        assert machine.features(x86) == ["amx_tile", "avx", "avx2", "avx512f", "fma"]
        assert machine.features(arm) == ["asimd", "sve2"]
        assert machine.features("") == []


class TestWorkers:
    def test_a_worker_answers_and_ends(self, fake_worker):
        worker = worker_process.WorkerProcess(
            [sys.executable, str(fake_worker)], settings(variant="channels_last")
        )
        try:
            assert worker.description == {"variant": "channels_last", "threads": 1}
            answer = worker.run(2)
            assert answer["seconds"] == pytest.approx(0.6)
            assert answer["losses"] == {"generator": 0.5}
        finally:
            worker.close()

    def test_an_error_while_building_is_its_first_line(self, fake_worker):
        with pytest.raises(worker_process.WorkerError, match=r"^RuntimeError: no compiler found$"):
            worker_process.WorkerProcess(
                [sys.executable, str(fake_worker)], settings(variant="compile")
            )

    def test_a_loss_that_is_not_finite_is_an_error(self, fake_worker):
        worker = worker_process.WorkerProcess(
            [sys.executable, str(fake_worker)], settings(variant="compile_channels_last")
        )
        with pytest.raises(worker_process.WorkerError, match="loss of generator is not finite"):
            worker.run(3)

    def test_more_threads_than_processors_is_an_error(self, fake_worker):
        with pytest.raises(worker_process.WorkerError, match="4096 threads asked for"):
            worker_process.WorkerProcess([sys.executable, str(fake_worker)], settings(threads=4096))

    def test_a_missing_python_is_an_error(self, fake_worker):
        with pytest.raises(worker_process.WorkerError, match="cannot run /no/python"):
            worker_process.WorkerProcess(["/no/python", str(fake_worker)], settings())

    def test_a_worker_that_dies_without_a_word_is_an_error(self, tmp_path):
        script = tmp_path / "dies.py"
        script.write_text("import sys; sys.exit(7)")
        with pytest.raises(worker_process.WorkerError, match="ended with status 7"):
            worker_process.WorkerProcess([sys.executable, str(script)], settings())

    def test_a_missing_package_is_named(self):
        # -S -E: no site-packages, so neither PyTorch nor NumPy nor JAX wherever this test runs.
        for script in compare.SCRIPTS.values():
            with pytest.raises(worker_process.WorkerError, match=r"No module named '(jax|numpy)'"):
                worker_process.WorkerProcess([sys.executable, "-S", "-E", str(script)], settings())


@pytest.mark.usefixtures("fake_scripts")
class TestComparison:
    ARGUMENTS = ("--system=dcgan", "--threads=1", "--rounds=3", "--warmup-steps=4")

    def test_one_command_measures_prints_and_writes(self, tmp_path, capsys):
        path = tmp_path / "result.json"
        status = compare.main([*self.ARGUMENTS, "--variants=eager,channels_last", f"--json={path}"])
        assert status == 0
        report = json.loads(path.read_text())
        system = report["systems"]["dcgan"]
        assert {"commit", "processor", "features", "platform", "counting"} <= set(report)
        assert system["best_torch"] == "channels_last"
        assert system["speedups"]["eager"]["median"] == pytest.approx(2.0)
        assert system["speedups"]["channels_last"]["median"] == pytest.approx(1.5)
        assert [row["seconds"] for row in system["rounds"]["jax"]] == pytest.approx([0.4] * 3)
        assert system["warmup_seconds"]["eager"] == pytest.approx(1.6)
        assert system["settings"]["threads"] == 1
        assert "torch channels_last *" in capsys.readouterr().out

    def test_a_failing_variant_is_left_out_and_said(self, capsys):
        assert compare.main(list(self.ARGUMENTS)) == 0
        captured = capsys.readouterr()
        assert "compile was left out: RuntimeError: no compiler found" in captured.out
        assert "torch compile " not in captured.out

    def test_a_failing_variant_that_was_named_fails_the_command(self):
        assert compare.main([*self.ARGUMENTS, "--variants=eager,compile"]) == 1

    def test_a_variant_that_fails_on_the_way_is_left_out(self, capsys):
        arguments = [*self.ARGUMENTS[:3], "--steps=3", "--warmup-steps=6"]
        assert compare.main(arguments) == 0
        assert "compile_channels_last was left out: FloatingPointError" in capsys.readouterr().out

    def test_no_torch_at_all_fails_the_command(self):
        assert compare.main([*self.ARGUMENTS, "--torch-python=/no/python"]) == 1
