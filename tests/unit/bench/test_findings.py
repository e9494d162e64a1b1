"""What the matching benchmark says of its rows: recall, peers' thresholds, false matches, bounds."""

import numpy as np
import pytest

from bench.matching import findings
from bench.matching.peers import PEERS
from bench.matching.queries import Row

PHOTOGRAPHS = [f"{number:064x}" for number in range(40)]


def hashes(generator: np.random.Generator) -> dict[str, str]:
    return {peer.name: generator.bytes(peer.bits // 8).hex() for peer in PEERS}


GENERATOR = np.random.default_rng(5)
ORIGINALS = {photograph: hashes(GENERATOR) for photograph in PHOTOGRAPHS}


def row(
    photograph: str,
    transform: str = "grey",
    *,
    registered: bool = True,
    matched: tuple[str, ...] = (),
    compared: tuple[str, ...] = (),
    shown: tuple[str, ...] = (),
    peers: dict[str, str] | None = None,
) -> Row:
    return Row(
        photograph=photograph,
        transform=transform,
        registered=registered,
        shown=(photograph, *shown),
        matched=matched,
        leads=(),
        compared=compared or matched,
        headline="",
        milliseconds={"whole": 10.0},
        peers=peers or ORIGINALS[photograph],
    )


ONE, TWO, THREE, FOUR = PHOTOGRAPHS[:4]


def test_recall_counts_the_photographs_own_record_and_registered_queries_only() -> None:
    rows = [
        row(ONE, matched=(ONE,)),
        row(TWO, matched=(ONE,)),
        row(THREE, compared=(THREE,)),
        row(ONE, "emoji", matched=(TWO, ONE)),
        row(FOUR, registered=False),
    ]
    matched, compared = (findings.by_transform(rows, method) for method in findings.ours())
    assert matched == {"grey": findings.Proportion(1, 3), "emoji": findings.Proportion(1, 1)}
    assert compared["grey"] == findings.Proportion(2, 3)
    assert findings.mean(matched) == findings.Proportion(2, 4)


def test_a_match_with_another_pictures_record_is_wrong_unless_the_query_shows_it() -> None:
    rows = [
        row(ONE, "collage of four", shown=(TWO,), matched=(ONE, TWO)),
        row(ONE, matched=(THREE,), compared=(ONE, THREE)),
        row(FOUR, registered=False, matched=(TWO,)),
        row(FOUR, registered=False),
    ]
    wrong = findings.wrong(rows, registered=10)
    assert wrong.matches == (("grey", ONE, THREE),)
    assert wrong.accepted == (("grey", FOUR, TWO),)
    assert (wrong.queries, wrong.pairs, wrong.strangers, wrong.compared) == (2, 8 + 9, 2, 2)


def test_a_peers_threshold_lets_through_no_more_than_its_share_of_different_pictures() -> None:
    rows = [row(photograph) for photograph in PHOTOGRAPHS]
    rows.append(row(ONE, peers=ORIGINALS[TWO]))  # one pair of different pictures with the same hashes
    methods, thresholds = findings.peers(rows, ORIGINALS)
    assert [each.name for each in thresholds] == ["pHash", "dHash", "PDQ", "PDQ, HMA", "ISCC image"]
    assert {each.pairs for each in thresholds} == {41 * 39}
    assert [each.false for each in thresholds if each.name != "PDQ, HMA"] == [0] * 4
    assert {each.threshold for each in thresholds if each.name != "PDQ, HMA"} == {-1}
    assert [(each.threshold, each.false) for each in thresholds if each.name == "PDQ, HMA"] == [(31, 1)]
    recall = {method.name: findings.mean(findings.by_transform(rows, method)) for method in methods}
    assert recall["PDQ, HMA"] == findings.Proportion(40, 41)
    assert recall["pHash"] == findings.Proportion(0, 41)


def test_the_bound_of_what_was_never_seen_is_three_over_n() -> None:
    assert findings.upper_bound(10_000) == pytest.approx(3.0 / 10_000, rel=0.01)
    assert findings.upper_bound(0) == 1.0
