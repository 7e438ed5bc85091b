"""Faults between a client and its token endpoint, and their effect on callers over real sockets."""
