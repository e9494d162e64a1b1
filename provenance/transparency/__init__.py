"""Append-only logs that are verified without trust in their operators: trees, signed notes, checkpoints, tiles, proofs,
witnesses, audits.

Everything here is bytes in, values out. The formats are public (RFC 6962, RFC 9162, RFC 3161, C2SP).
"""
