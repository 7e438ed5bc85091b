"""What callers see when the way to the token endpoint fails, measured over real sockets."""
