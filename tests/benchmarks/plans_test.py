"""Which plans are made, and the page that is written of them."""

import json

from tests.benchmarks.scripts import importable

with importable():
    import plans

MIB = 2**20


def entry(config, topology, *, others=None):
    step = {
        "flops": 110e9,
        "intensity": 190.4,
        "precisions": {"bfloat16 default": 110e9, "float32 highest": 1.0},
        "memory": {
            "parameters": 8 * MIB,
            "optimizers": 16 * MIB,
            "batch": MIB,
            "activations": 50 * MIB,
            "resident data": 146.5 * MIB,
        },
    }
    compiled = {
        "temporaries": 10 * MIB,
        "peak": 256 * MIB,
        "there_is": 1024 * MIB,
        "collectives": {"all-reduce": {"count": 30.0, "bytes": 23.5 * MIB}, **(others or {})},
        "collectives_in_conditionals": {"all-reduce": {"count": 2.0, "bytes": 8.0}},
        "products": {"bf16 x bf16": 53.0},
    }
    roofline = {
        **{"arithmetic": 5e-4, "traffic": 4e-4, "links": 3e-4, "hops": 1e-4},
        **{"overlapped": 5e-4, "in_sequence": 8e-4},
        **{"scaling_overlapped": 1.0, "scaling_in_sequence": 0.625},
    }
    return {
        **{"config": config, "topology": topology, "precision": "float32"},
        **{"jax": "1.2.3", "libtpu": "4.5.6"},
        "networks": [],
        "phases": [{"step": step, "compiled": compiled, "roofline": roofline}],
    }


def test_every_config_is_planned_and_some_on_large_slices():
    found = list(plans.cases())
    assert len(set(found)) == len(found)
    small = {case.config for case in found if case.topology == plans.SMALL}
    assert {path.stem for path in (plans.ROOT / "configs").glob("*_*.py")} - small == {"__init__"}
    for topology in plans.LARGE:
        assert {case.config for case in found if case.topology == topology} == {*plans.SCALED}


def test_the_page_says_what_was_compiled(tmp_path, monkeypatch):
    gathers = {"all-gather": {"count": 2.0, "bytes": 4.0}}
    entries = [entry("one", "v5e:2x2"), entry("two", "v5p:4x4x4", others=gathers)]
    results, page = tmp_path / "plans.json", tmp_path / "plan.md"
    results.write_text(json.dumps(entries))
    command = ["plans.py", f"--results={results}", f"--page={page}"]
    monkeypatch.setattr("sys.argv", command)
    plans.main()
    lines = page.read_text().splitlines()
    assert any("JAX 1.2.3 and libtpu 4.5.6" in line for line in lines)
    rows = [line for line in lines if line.startswith("| one |")]
    assert rows == [
        "| one | v5e:2x2 | float32 | 8.0 | 24.0 | 146.5 | 50.0 | 10.0 | 0.20 | 256 | 25.0% |",
        "| one | v5e:2x2 | float32 | 110.0 | 190 | 30 | 23.5 | none | bfloat16 default, "
        "float32 highest | 53 bf16 x bf16 | 0.500 | 0.400 | 0.300 | "
        "0.100 | 0.500 to 0.800 | 62% to 100% |",
    ]
    assert any("Not compiled yet: " in line and "dcgan_cifar10 v5e:2x2" in line for line in lines)
    assert not any("were compiled before" in line for line in lines)
    assert "temporaries hold gradients too" not in "\n".join(lines)
    entries[0]["phases"][0]["compiled"]["temporaries"] = 150 * MIB
    entries[0]["networks"] = [{"network": "a", "collection": "params", "bytes": 100 * MIB}]
    assert "network are 100.0 MiB. Of these and the activations together they are 1.00." in (
        plans.page(entries)
    )
    entries[0]["phases"][0]["step"]["precisions"] = {"float32 default": 1.0}
    assert "were compiled before" in plans.page(entries)
    assert any("| 2 all-gather |" in line for line in lines if line.startswith("| two |"))
