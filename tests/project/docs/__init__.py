"""Tests of the documents: they render, their links work, and their code runs."""
