"""Tests of client authentication: one file for each method."""
