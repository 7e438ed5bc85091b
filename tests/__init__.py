"""The tests of aioalf: one file a module, and what holds for all of them."""
