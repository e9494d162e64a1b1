"""Reading: what the registry holds, as anybody may read it."""
