"""A soak: mixed load for a long time, with faults, revocations and expiry in the midst of it."""
