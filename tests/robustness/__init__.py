"""Hostile input, every order of events, faults and long runs."""
