"""Countermark over HTTP: settings, keys, limits and problems around the registry's use cases.

One module per resource in `api/routes`; every error is `application/problem+json` (RFC 9457).
"""
