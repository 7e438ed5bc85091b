"""Tests of the documents: they render, their links work, and their code runs."""

from tests.project.docs import sphinx_markup as sphinx_markup
