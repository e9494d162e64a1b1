"""Receipts: made of what a log shows, and checked offline, step by step."""
