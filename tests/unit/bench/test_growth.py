"""Growth: a registry of ten thousand answers with as much work as one of a thousand, but for what is said here.

By counts, which no other work on the machine changes. `bench/scale.md` has what it takes in time.
"""

import pytest

from bench.scale.counts import Counts, counted

MANY = 10_000


@pytest.fixture(scope="module")
def grown() -> list[Counts]:
    """The counts of one registry, each time it has grown."""
    return list(counted("free"))


def test_as_many_statements_answer_in_a_registry_of_ten_thousand_as_in_one_of_a_thousand(grown: list[Counts]) -> None:
    small, *larger = (each.statements for each in grown)
    assert all(each == small for each in larger)


def test_an_answer_takes_few_statements(grown: list[Counts]) -> None:
    asked = grown[-1].statements
    assert all(asked.values())
    assert asked["a registered file"] <= 6
    assert asked["an unknown digest"] <= 2
    assert asked["an unknown picture"] <= 16
    assert asked["a registration"] <= 20


def test_a_search_compares_at_most_four_times_as_many_features_among_ten_times_as_many(grown: list[Counts]) -> None:
    """With one list a word it would be ten times as many: that is what dividing the lists by signs is for."""
    small, _, large = grown
    assert large.registrations >= MANY > 9 * small.registrations
    assert large.pairs <= 4 * small.pairs


def test_the_next_step_costs_less_than_the_one_before_it(grown: list[Counts]) -> None:
    """Pairs grow as the square of a logarithm, so that each further registration adds less."""
    small, middle, large = grown
    first = (middle.pairs - small.pairs) / (middle.registrations - small.registrations)
    then = (large.pairs - middle.pairs) / (large.registrations - middle.registrations)
    assert then < first


def test_a_registration_takes_as_many_bytes_in_a_large_registry_as_in_a_small_one(grown: list[Counts]) -> None:
    small, *_, large = grown
    assert large.feature_bytes <= small.feature_bytes
    assert large.feature_bytes <= 4_400
    assert large.database_bytes <= small.database_bytes
    assert large.database_bytes <= 6_500
