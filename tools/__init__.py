"""Tools for the maintainers: not installed, not part of the test suite."""
