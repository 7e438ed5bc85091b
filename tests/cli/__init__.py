"""Tests of the commands of ``aioalf``."""
