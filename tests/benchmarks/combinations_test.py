"""docs/combinations.md says what the code refuses."""

from tests.benchmarks.scripts import importable

with importable():
    import combinations


def test_the_table_is_that_of_the_code():
    text = combinations.document()
    assert combinations.FILE.read_text(encoding="utf-8") == text, "run benchmarks/combinations.py"


def test_every_value_is_right_by_itself_and_refusals_are_found():
    for values in combinations.axes().values():
        for model in values.values():
            assert combinations.refusal(model) is None
    assert combinations.refusal({"loss": "wasserstein"}, {"augment": {"name": "ada"}})
