"""Tests that code written for 0.4.0 still works."""
