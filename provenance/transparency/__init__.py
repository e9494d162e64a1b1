"""Append-only logs that nobody has to believe: trees, signed notes, checkpoints, tiles, proofs, receipts.

Everything here is bytes in, values out. The formats are public (RFC 6962, RFC 9162, C2SP), but for the
receipt, which bundles them with a record.
"""
