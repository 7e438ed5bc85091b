"""TLS contexts for loopback, with certificate authorities made for a test."""

import ssl

import trustme

_NAMES = ("localhost", "127.0.0.1")


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a server with a certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*_NAMES).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a client that trusts only this authority."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
