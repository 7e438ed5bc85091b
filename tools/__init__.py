"""Tools for maintainers. They are not installed, and not part of the test suite."""
