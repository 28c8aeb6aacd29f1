"""The law of who may import whom (docs/design.md), read from the source of every module."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "gan_jax"
MODULES = sorted(PACKAGE.rglob("*.py"))
PRODUCTION = sorted([ROOT / "main.py", *(ROOT / "configs").glob("*.py"), *MODULES])

# The rooms of the package and what each may import of the others, in the order of the design: a
# room imports rooms above it, never one below. A room may always import itself.
ROOMS = {
    "names": set(),
    "ranges": set(),
    "files": set(),
    "untrusted": set(),
    "losses": {"names"},
    "augmentations": {"names"},
    "images": {"names", "ranges", "files", "untrusted"},
    "layers": set(),
    "networks": {"names", "ranges", "layers"},
    "metrics": {"names", "files", "untrusted"},
    "checkpoint": {"files", "untrusted"},
    "telemetry": {"files", "untrusted", "images"},
    "core": {"names", "ranges"},
    "gans": {
        *("names", "ranges", "losses", "augmentations", "images", "layers", "networks", "core")
    },
    "data": {"names", "files", "untrusted", "images", "core"},
    "sampling": {"names", "ranges", "files", "images", "telemetry", "core"},
    "evaluation": {
        *("names", "files", "untrusted", "images", "metrics", "telemetry", "core", "data"),
        "sampling",
    },
}
ROOMS |= {room: {*ROOMS} | extra for room, extra in (("runs", set()), ("modes", {"runs"}))}
ROOMS["cli"] = {*ROOMS}
# What may lie loose at the top of the package.
LOOSE = {"names", "ranges"}
READ_CONFIGS = {"modes", "runs", "gans", "cli"}
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


def wrong_imports(name, used):
    """The imports among `used` that module `name` must not have, by the law of rooms and modes."""
    room = part_of(name)
    allowed = {room, *ROOMS.get(room, set())}
    wrong = {other for other in used if part_of(other) and part_of(other) not in allowed}
    if room == "modes":
        mode = name.split(".")[2] if name.count(".") > 1 else None
        others = {other for other in used if part_of(other) == "modes" and other.count(".") > 1}
        wrong |= {other for other in others if other.split(".")[2] != mode}
    return wrong


@pytest.mark.parametrize("path", MODULES, ids=ids(MODULES))
def test_a_room_imports_only_rooms_above_it_and_no_mode_another(path):
    name = module_name(path)
    used = {other for other in all_imports(path) if other.split(".")[0] == "gan_jax"}
    assert {part_of(other) for other in used} <= {None, *ROOMS}, "gan_jax has no such room"
    assert part_of(name) is None or part_of(name) in ROOMS, f"{name} lies in no room"
    if part_of(name) is not None:
        assert not wrong_imports(name, used)


def test_the_law_of_rooms_is_an_order():
    order = list(ROOMS)
    for room, allowed in ROOMS.items():
        assert allowed <= set(order[: order.index(room)])


@pytest.mark.parametrize(
    ("name", "used", "wrong"),
    [
        ("gan_jax.losses.hinge", {"gan_jax.core.step"}, {"gan_jax.core.step"}),
        ("gan_jax.data.feed", {"gan_jax.modes.train.loop"}, {"gan_jax.modes.train.loop"}),
        ("gan_jax.modes.sample", {"gan_jax.modes.train.loop"}, {"gan_jax.modes.train.loop"}),
        ("gan_jax.modes.train.loop", {"gan_jax.modes.train.events", "gan_jax.runs"}, set()),
        ("gan_jax.cli.main", {"gan_jax.modes.sample", "gan_jax.names"}, set()),
    ],
)
def test_the_law_of_rooms_names_what_breaks_it(name, used, wrong):
    assert wrong_imports(name, used) == wrong


def test_the_tree_is_that_of_the_design():
    there = {path.stem for path in PACKAGE.iterdir()} - {"__init__", "__pycache__", "py"}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", *LOOSE}
    assert there - {"configs"} == {*ROOMS}


# Rooms that must serve every family, and so may name none, nor a network that only some have.
NAMELESS = ("core", "data", "sampling", "evaluation", "runs", "modes", "telemetry")
FAMILY_WORDS = re.compile(
    r"generator|discriminator|vanilla|pix2pix|adversarial|"
    r"(?:dc|c|w|ls|sn|sa|ac|r3|big|info|cycle|style)_?gan",
    re.IGNORECASE,
)
# NumPy's random generators, and HTML's name for the maker of a page.
NOT_A_FAMILY = re.compile(r"^Generator$|^GENERATOR$|name=\"generator\"")


def family_words(source):
    """Identifiers and strings of code, not docstrings, that name a family or a network of one."""
    tree = ast.parse(source)
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, scopes) and ast.get_docstring(node) is not None
    }
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts += [] if node in docstrings else [node.value]
        else:
            fields = (getattr(node, name, None) for name in ("id", "attr", "arg", "name"))
            texts += [text for text in fields if isinstance(text, str)]
    return {text for text in texts if FAMILY_WORDS.search(NOT_A_FAMILY.sub("", text))}


NAMELESS_MODULES = [path for path in MODULES if part_of(module_name(path)) in NAMELESS]


@pytest.mark.parametrize("path", NAMELESS_MODULES, ids=ids(NAMELESS_MODULES))
def test_what_serves_every_family_names_none(path):
    assert not family_words(path.read_text())


def test_the_law_of_names_finds_names():
    source = "def f(generator):\n    '''Of the generator.'''\n    return x['dcgan'], gan.organs"
    assert family_words(source) == {"generator", "dcgan"}


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
