"""The log: entries sequenced by its single writer, published as tiles and checkpoints, and proved."""
