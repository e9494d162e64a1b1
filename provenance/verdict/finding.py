"""A finding: one thing that was established, with what it rests on and what it does not show."""

from dataclasses import dataclass

from provenance.media.calibration import ErrorRate
from provenance.verdict.axes import Axis, Basis


@dataclass(frozen=True)
class Finding:
    """One statement of a verdict.

    `error_rates` holds measured rates (empty where nothing statistical is involved, several where they
    depend on the size of a difference); `does_not_show` is part of the statement, never optional.
    """

    axis: Axis
    code: str
    summary: str
    basis: Basis
    could_be_forged_by: str
    does_not_show: str
    method: str
    error_rates: tuple[ErrorRate, ...] = ()
