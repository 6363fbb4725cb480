"""Error messages for users: name, rule, value received, remedy."""

from __future__ import annotations

import pytest

from tfseg import checks
from tfseg.checks import InputError


def test_the_nearest_option_is_offered_and_nothing_where_none_is_close():
    assert checks.nearest("resnet81", ["resnet18", "vgg16"]) == " Did you mean 'resnet18'?"
    assert checks.nearest("xyz", ["resnet18", "vgg16"]) == ""


def test_a_choice_is_taken_in_any_case():
    assert checks.matching("model.architecture", "unet", ("Unet", "FPN")) == "Unet"
    with pytest.raises(InputError, match="must be one of Unet, FPN; got 'unett'. Did you mean 'U"):
        checks.matching("model.architecture", "unett", ("FPN", "Unet"))


def test_an_unknown_choice_names_rule_value_and_the_closest():
    with pytest.raises(InputError) as error:
        checks.one_of("model.architecture", "unet", ("Unet", "FPN"))
    assert str(error.value) == (
        "model.architecture must be one of Unet, FPN; got 'unet'. Did you mean 'Unet'?"
    )
    checks.one_of("model.architecture", "Unet", ("Unet", "FPN"))


@pytest.mark.parametrize("value", [0, 1, 0.5, 0.0, 1.0])
def test_a_closed_interval_holds_its_ends(value):
    checks.in_range("p", value, low=0.0, high=1.0)


@pytest.mark.parametrize("value", [-1e-9, 1.0001, float("nan"), float("inf"), "0.5", None, True])
def test_what_is_no_number_of_the_interval_is_refused(value):
    with pytest.raises(InputError) as error:
        checks.in_range("p", value, low=0.0, high=1.0)
    assert str(error.value) == f"p must be a number in [0, 1]; got {value!r}."


@pytest.mark.parametrize("value", [1, 5])
def test_a_whole_number_may_be_an_end_of_the_range(value):
    checks.integer("steps", value, low=1, high=5)


@pytest.mark.parametrize("value", [0, 6, 2.0, True, "3", None])
def test_what_is_no_whole_number_of_the_range_is_refused(value):
    with pytest.raises(InputError) as error:
        checks.integer("steps", value, low=1, high=5)
    assert str(error.value) == f"steps must be a whole number in [1, 5]; got {value!r}."


@pytest.mark.parametrize("value", [(0.0, 0.0), (-1, 2), [0.5, 1]])
def test_an_interval_may_be_one_point_and_come_as_a_list(value):
    checks.interval("limit", value, low=-1, high=2)


@pytest.mark.parametrize(
    "value", [(1, 0), (-2, 0), (0, 3), (0,), (0, 1, 2), 1, None, ("a", "b"), (0, float("nan"))]
)
def test_what_is_no_interval_is_refused(value):
    with pytest.raises(InputError) as error:
        checks.interval("limit", value, low=-1, high=2)
    assert str(error.value) == f"limit must be (a, b) with -1 <= a <= b <= 2; got {value!r}."


@pytest.mark.parametrize("name", ["a\udcff.png", "a\nb.png", "a\r.png"])
def test_a_name_that_tables_cannot_hold_is_refused_and_shown_on_one_line(name):
    with pytest.raises(InputError, match="must have a name in UTF-8 and without line") as caught:
        checks.file_name(f"x/{name}", name)
    assert str(caught.value).isprintable()
    checks.file_name("x/é 1.png", "é 1")
