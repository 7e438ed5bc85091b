"""The parts of `CacheContract`: its hooks, and the tests of values, claims and failures."""
