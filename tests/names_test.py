"""The answers to names that a user gets wrong."""

import re

import pytest

from gan_jax.names import check_name, did_you_mean, nearest


def test_a_known_name_passes():
    check_name("color", "red", {"red": 1})


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("bleu", ("red", "blue"), "unknown color 'bleu': did you mean 'blue'? There are red, blue"),
        ("zzz", ["red"], "unknown color 'zzz': did you mean 'red'? There are red"),
        (None, ["red"], "unknown color 'None': did you mean 'red'? There are red"),
        ("red", (), "unknown color 'red': there are none"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all(name, known, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_name("color", name, known)


def test_of_many_names_the_nearest_are_listed():
    known = [f"{shade}{n}" for n in range(40) for shade in ("blue", "red")]
    with pytest.raises(
        ValueError, match=r"'bleu7': did you mean 'blue7'\? .* of 80 are "
    ) as caught:
        check_name("color", "bleu7", known)
    listed = str(caught.value).split(" are ")[1].split(", ")
    assert len(listed) == 10
    assert listed[0] == "blue7"
    assert all(name.startswith("blue") for name in listed)


def test_case_does_not_make_a_name_unlike():
    assert nearest("CIFAR10", ["C_FAR_AR", "cifar10", "cifar100"]) == "cifar10"
    assert nearest("cifar1", ["Cifar10"]) == "Cifar10"


def test_the_end_of_a_message():
    assert did_you_mean("bleu", ["red", "blue"]) == ": did you mean blue?"
    assert did_you_mean("bleu", []) == ""
