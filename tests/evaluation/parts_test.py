"""An evaluation that was interrupted goes on, and ends with the same bits."""

import os
import time

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, data, sampling
from gan_jax.evaluation import parts, protocols, samples

COUNT = 200
WEIGHTS = core.Weights({"net": jnp.float32(0.5)}, {"net": {}})
STREAMS = {
    "data": data.from_arrays(
        {"image": np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)}, name="noise"
    )
}


def apply(weights, inputs):
    return jnp.tanh(weights.params["net"] * inputs["z"].reshape(-1, 8, 8, 3))


@pytest.fixture
def generated():
    """Numbers of the images that were generated."""
    return []


@pytest.fixture
def evaluate(toy_extractor, tmp_path, generated):
    sampler = core.Sampler({"z": core.Normal((192,))}, apply, ("net",))
    evaluator = samples.make_evaluator(
        toy_extractor,
        STREAMS,
        "image",
        protocols.METRICS,
        num_images=COUNT,
        cache_dir=tmp_path / "cache",
        batch_size=8,
    )
    made = samples.make_sample_evaluator(
        evaluator,
        sampler,
        WEIGHTS,
        STREAMS,
        family="toy",
        sampler_name="first",
        precision="float32",
        count=COUNT,
        averaged=False,
        unfinished_dir=parts.folder_of(tmp_path / "cache"),
    )
    numbered = sampling.Generate.numbered

    def counting(self, weights, inputs_of, count, *, start=0):
        for batch in numbered(self, weights, inputs_of, count, start=start):
            generated.extend(range(start, start + len(batch.images)))
            start += len(batch.images)
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling.Generate, "numbered", counting)
        patch.setattr(parts, "MAX_ROWS", 16)
        yield made


def interrupted(evaluate, after):
    """Evaluates until so many batches were generated."""
    asked = iter(range(10**6))
    assert evaluate(WEIGHTS, cancelled=lambda: next(asked) >= after) is None


def files_of(evaluate):
    return sorted(evaluate.unfinished_dir.rglob("*.features"))


@pytest.mark.parametrize("after", [0, 1, 3])
def test_it_goes_on_with_the_same_bits_and_leaves_nothing(evaluate, generated, after):
    want = evaluate(WEIGHTS)
    assert sorted(generated) == list(range(COUNT))
    generated.clear()
    interrupted(evaluate, after)
    before = len(generated)
    assert evaluate(WEIGHTS) == want
    # A batch that was being extracted is generated again, and what shares one with it.
    assert COUNT <= len(generated) <= COUNT + 2 * evaluate.generate.batch_size
    assert (len(generated) - before < COUNT) == (after > 1)
    assert not list(evaluate.unfinished_dir.iterdir())


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "removed"])
def test_a_damaged_part_alone_is_computed_again(evaluate, generated, damage):
    want = evaluate(WEIGHTS)
    interrupted(evaluate, 3)
    assert len(files_of(evaluate)) > 3
    path = files_of(evaluate)[1]
    whole = path.read_bytes()
    path.unlink()
    if damage != "removed":
        flipped = whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
        path.write_bytes({"empty": b"", "cut": whole[:-9], "changed": flipped}[damage])
    generated.clear()
    assert evaluate(WEIGHTS) == want
    assert {*range(16, 32)} <= {*generated}
    assert not {*range(32, 112)} & {*generated}


def test_other_weights_do_not_take_it_up(evaluate, generated):
    interrupted(evaluate, 3)
    kept = files_of(evaluate)
    generated.clear()
    other = core.Weights({"net": jnp.float32(0.25)}, {"net": {}})
    assert evaluate(other) != evaluate(WEIGHTS)
    assert len(generated) > COUNT
    assert kept
    assert not files_of(evaluate)


def test_a_folder_that_cannot_be_written_stops_no_evaluation(evaluate, caplog, monkeypatch):
    want = evaluate(WEIGHTS)

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(parts.files, "array_writer", full)
    assert evaluate(WEIGHTS) == want
    assert len(caplog.records) == 1
    assert "will begin anew: no space left" in caplog.text


def test_parts_are_written_as_time_passes(evaluate, monkeypatch):
    monkeypatch.setattr(parts, "MAX_ROWS", 10**9)
    monkeypatch.setattr(parts, "MAX_SECONDS", 0.0)
    interrupted(evaluate, 3)
    assert [path.name[:12] for path in files_of(evaluate)[:2]] == ["000000000000", "000000000008"]


def test_what_was_never_completed_is_removed_after_a_month(evaluate):
    old, new = (evaluate.unfinished_dir / name for name in ("old", "new.json"))
    old.mkdir(parents=True)
    new.touch()
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    evaluate(WEIGHTS)
    assert not old.exists()
    assert new.exists()
