"""How a client proves who it is, method by method."""
