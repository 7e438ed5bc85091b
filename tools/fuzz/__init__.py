"""Fuzzing: random inputs for every place where bytes of others enter. See README.rst."""
