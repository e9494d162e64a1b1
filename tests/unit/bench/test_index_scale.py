"""The measurement of the indices of hashes, at a size that takes no time."""

from bench.matching.scale import scales


def test_both_indices_are_measured_with_codes_that_no_store_holds() -> None:
    measured = list(scales([2_000]))
    assert [(each.index, each.codes) for each in measured] == [("multi-index", 2_000), ("scan", 2_000)]
    assert all(each.eight > 0 for each in measured)
    assert [each.merge is None for each in measured] == [False, True]
