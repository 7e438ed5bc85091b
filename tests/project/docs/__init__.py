"""The tests of the documents: they render, their links lead somewhere, their code runs."""
