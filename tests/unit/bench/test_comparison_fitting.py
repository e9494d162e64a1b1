"""What the comparison's networks and thresholds are fitted to, and what is held out of them."""

import numpy as np

from bench.comparison_fitting import APART, FOLDS, HARDEST, MISLAID, Job, Peaks, Rows, rows_of, thresholds, tops
from bench.network import HIDDEN, MEMBERS, fit_network
from provenance.media.calibration import MEASURES

NUMBERS = range(2 * FOLDS)


def marked(number: int, mark: float = 0.0) -> Rows:
    """Three rows that say which photograph they are of."""
    return np.full((3, len(MEASURES)), number + mark, np.float32)


def test_no_row_of_a_photograph_enters_a_network_that_it_is_held_out_of() -> None:
    labels = np.ones(3, np.float32)
    sampled = [
        {"sketch": (marked(n), labels), "stored picture": (marked(n), labels), "full detail": (marked(n), labels)}
        for n in NUMBERS
    ]
    hard: list[dict[Job, Rows]] = [
        {("sketch", fold): marked(n, 0.5) for fold in range(FOLDS + 1) if n % FOLDS != fold} for n in NUMBERS
    ]
    for fold in range(FOLDS + 1):
        rows, targets = rows_of(("sketch", fold), sampled, hard)
        fitted_on = {n for n in NUMBERS if n % FOLDS != fold}
        assert set(rows[targets == 1, 0]) == fitted_on
        assert set(rows[targets == 0, 0]) == {n + 0.5 for n in fitted_on}


def test_the_hardest_pixels_of_a_copy_are_its_highest_and_lie_apart() -> None:
    evidence = np.random.default_rng(0).normal(size=(120, 160)).astype(np.float32)
    valid = np.ones(evidence.shape, bool)
    valid[:, :40] = False
    evidence[30, 100], evidence[30, 102], evidence[60, 20] = 9, 8, 10
    rows, columns = np.unravel_index(tops(evidence, valid), evidence.shape)
    assert len(rows) == HARDEST
    assert (rows[-1], columns[-1]) == (30, 100)
    assert (30, 102) not in zip(rows, columns, strict=True)
    assert columns.min() >= 40
    distances = np.maximum(np.abs(rows[:, None] - rows), np.abs(columns[:, None] - columns))
    assert distances[~np.eye(len(rows), dtype=bool)].min() > APART


def test_the_members_of_a_network_stand_side_by_side() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(20_000, 5)).astype(np.float32)
    labels = (rows[:, 0] > 0).astype(np.float32)
    network = fit_network(rows, labels)
    assert network.weights.shape == (5, HIDDEN * MEMBERS)
    evidence = np.maximum(rows @ network.weights + network.biases, 0) @ network.output + network.bias[0]
    assert ((evidence > 0) == (labels > 0)).mean() > 0.95


def test_one_mislaid_photograph_does_not_raise_the_threshold_of_motion() -> None:
    risen: Peaks = {
        (number, copy): {
            ("sketch", "seed"): 0.1 * copy,
            ("sketch", "motion"): 9.0 if number < MISLAID else 0.5,
            ("stored picture", "seed"): 0.1 * copy,
            ("stored picture", "motion"): 0.5,
        }
        | ({("full detail", "seed"): 0.1 * copy} if copy % 2 else {})
        for number in range(12 * FOLDS)
        for copy in range(40)
    }
    found = thresholds(risen)
    assert found["sketch"]["motion"] == found["stored picture"]["motion"] == 0.5
    assert found["full detail"]["motion"] is None
    assert 3 <= found["sketch"]["seed"] <= 3.9
