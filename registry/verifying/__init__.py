"""Verifying: a stranger's picture against everything that is registered here."""
