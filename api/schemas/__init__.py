"""The JSON of the API: a pydantic model for each request and answer. Digests are lowercase hex; times RFC 3339, UTC."""
