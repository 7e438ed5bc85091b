"""Tests of the grants: one file for each, and some for all grants together."""
