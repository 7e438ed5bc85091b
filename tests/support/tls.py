"""Certificates for loopback, of authorities that live as long as a test."""

import ssl

import trustme

_NAMES = ("localhost", "127.0.0.1")


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """What a server on loopback shows: a certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*_NAMES).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """What a client checks with: it trusts this authority and no other."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
