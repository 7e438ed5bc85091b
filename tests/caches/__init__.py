"""Tests of the token caches: the contract of all caches, and the features of each."""
