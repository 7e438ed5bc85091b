"""A soak test: a mixed load for minutes, with faults, revocations and expiring tokens."""
