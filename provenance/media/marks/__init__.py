"""Declared marks: what a file's own metadata says about the picture. Nobody signed it; anybody can write it."""

from provenance.media.marks.declared import DeclaredMetadata, read_declared
from provenance.media.marks.mark import Mark

__all__ = ["DeclaredMetadata", "Mark", "read_declared"]
