"""Images per second of EfficientNet-Lite0 with its depthwise convolutions in either form, in turn.

python benchmarks/depthwise.py --json=benchmarks/results/NAME.json
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
FORMS = ("shifts", "lax")


def main() -> None:
    """Compiles both forms, times them in turn, prints medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import jax
    import numpy as np

    from gan_jax.metrics import depthwise, efficientnet

    extractor = efficientnet.efficientnet_lite0(resolution=options.resolution)
    shape = (options.batch_size, 32, 32, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    seconds, compiled, seen = {form: [] for form in FORMS}, {}, {}
    choose = depthwise.depthwise_conv
    for form in FORMS:
        # What a form is called with is decided while the network is traced.
        efficientnet.depthwise_conv = lambda x, kernel, *, stride=1, form=form: choose(
            x, kernel, stride=stride, implementation=form
        )
        network = efficientnet.EfficientNetLite0()
        apply = jax.jit(
            lambda params, pixels, network=network: network.apply(
                {"params": params}, efficientnet.preprocess(pixels, options.resolution)
            )
        )
        compiled[form] = apply.lower(extractor.params, images).compile()
        seen[form] = np.asarray(compiled[form](extractor.params, images)[0])
    np.testing.assert_allclose(seen["shifts"], seen["lax"], rtol=1e-3, atol=1e-3)
    for number in range(options.rounds):
        for form in FORMS[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            jax.block_until_ready(compiled[form](extractor.params, images))
            seconds[form].append(time.perf_counter() - start)
    rates = {form: options.batch_size / statistics.median(times) for form, times in seconds.items()}
    ratio = statistics.median(
        lax / shifts for shifts, lax in zip(seconds["shifts"], seconds["lax"], strict=True)
    )
    for form, rate in rates.items():
        print(f"{form:8} {rate:8.1f} images/s")
    print(f"shifts over lax: {ratio:.2f} (median of {options.rounds} rounds' own ratios)")
    if options.json:
        from compare import conditions
        from comparison_summary import write_json

        write_json(
            options.json,
            {
                **conditions(),
                "batch_size": options.batch_size,
                "resolution": options.resolution,
                "seconds": seconds,
                "images_per_second": rates,
                "ratio": ratio,
            },
        )


if __name__ == "__main__":
    main()
