"""Comparing a picture with the sketch of a registered one, and drawing what differs."""

from provenance.media.comparison.comparison import (
    COMPARISON_VERSION,
    Box,
    Comparison,
    DetailPair,
    Region,
    Transform,
    compare,
)
from provenance.media.comparison.difference import draw_heat_map
from provenance.media.comparison.geometry import Query

__all__ = [
    "COMPARISON_VERSION",
    "Box",
    "Comparison",
    "DetailPair",
    "Query",
    "Region",
    "Transform",
    "compare",
    "draw_heat_map",
]
