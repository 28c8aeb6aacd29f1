"""The law of who may import whom (docs/design.md), read from the source of every module."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "gan_jax"
MODULES = sorted(PACKAGE.rglob("*.py"))
PRODUCTION = sorted([ROOT / "main.py", *(ROOT / "configs").glob("*.py"), *MODULES])

# What a part may use of the rest of the package. A part may always use itself.
MAY_IMPORT = {
    "losses": set(),
    "layers": set(),
    "core": set(),
    "data": set(),
    "metrics": set(),
    "telemetry": set(),
    "checkpoint": set(),
    "networks": {"layers"},
    "gans": {"core", "losses", "networks"},
    "interrupt": set(),
    "flops": set(),
    "events": set(),
    "peak": set(),
    "watch": set(),
    "together": set(),
    "options": set(),
}
# Modes and what belongs to them: built on the parts above, and none of those may know them.
MODES = {
    "train",
    "run_setup",
    "sample_run",
    "evaluate_run",
    "report",
    "restored",
    "features",
    "feature_store",
    "evaluation",
    "image_files",
    "scoring",
    "scorekeeper",
    "results",
    "protocols",
    "fakes",
    "reference",
    "benchmark",
    "workdir",
    "sampling",
    "feed",
    "intervals",
}
READ_CONFIGS = {"train", "run_setup", "restored", "benchmark", "workdir", "gans", "evaluate_run"}
READ_CONFIGS |= {"report", "scorekeeper"}
# Not there in an environment that only reads prepared data, trains, samples and benchmarks.
OPTIONAL = {"tensorflow", "tensorflow_datasets", "tensorboard", "clu", "torch"}
MAX_LINES = 300


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name):
    """`losses` of `gan_jax.losses.hinge`; nothing of the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "gan_jax" else None


def imports(nodes, package):
    """Full names that import statements name, `from a import b` as `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def all_imports(path):
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return set(imports(ast.walk(ast.parse(path.read_text())), package))


def outside_functions(node):
    """What runs when the module is imported, in whatever `if` and `try` it stands."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from outside_functions(child)


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", MODULES, ids=ids(MODULES))
def test_a_part_imports_only_what_the_law_allows(path):
    part = part_of(module_name(path))
    known = {*MAY_IMPORT, *MODES}
    assert part is None or part in known, f"say in this test what {part} may import"
    used = {part_of(name) for name in all_imports(path) if name.startswith("gan_jax.")}
    assert used <= known, "an import of gan_jax must name a module of it"
    if part is None:
        assert not used, "importing gan_jax must import nothing else"
    elif part in MAY_IMPORT:
        assert used <= MAY_IMPORT[part] | {part}


def test_every_part_that_the_law_names_is_there():
    there = {path.stem for path in PACKAGE.iterdir()} - {"__init__", "__pycache__"}
    # Room that the design gives to what is not built yet.
    assert {*MAY_IMPORT, *MODES} - there <= {"metrics", "report"}
    assert there <= {*MAY_IMPORT, *MODES}


@pytest.mark.parametrize("path", PRODUCTION, ids=ids(PRODUCTION))
def test_importing_a_module_needs_nothing_optional(path):
    tree = ast.parse(path.read_text())
    used = {name.split(".")[0] for name in imports(outside_functions(tree), module_name(path))}
    assert not used & OPTIONAL


@pytest.mark.parametrize("path", MODULES, ids=ids(MODULES))
def test_configs_are_read_by_the_modes_and_the_builders_alone(path):
    used = {name.split(".")[0] for name in all_imports(path)}
    if used & {"ml_collections", "configs"}:
        assert part_of(module_name(path)) in READ_CONFIGS


@pytest.mark.parametrize("path", PRODUCTION, ids=ids(PRODUCTION))
def test_a_file_has_a_subject_and_fits_in_the_head(path):
    assert path.stem not in ("utils", "util", "helpers", "misc", "common_utils")
    assert len(path.read_text().splitlines()) <= MAX_LINES, "it asks to be two files"


def test_the_reader_of_imports_sees_what_it_must():
    tree = ast.parse(
        "import tensorflow as tf\n"
        "try:\n    from clu import metric_writers\nexcept ImportError:\n    pass\n"
        "def f():\n    import torch\n"
        "class C:\n    import tensorboard.x\n"
        "from . import sibling\nfrom ..core import step\n"
    )
    eager = set(imports(outside_functions(tree), "gan_jax.gans"))
    assert eager == {
        "tensorflow",
        "clu.metric_writers",
        "tensorboard.x",
        "gan_jax.gans.sibling",
        "gan_jax.core.step",
    }
    assert "torch" in set(imports(ast.walk(tree), "gan_jax.gans"))
