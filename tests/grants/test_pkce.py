"""PKCE: code verifier and code challenge."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.grants import _pkce as pkce

APPENDIX_B = bytes.fromhex(
    "7418dfb4 9799e025 4ffa607d d8adbbba 16d4254d 69d6bff0 5b580558 53848d79"
)


@pytest.mark.rule("R091", "R092")
def test_example_of_rfc_7636_appendix_b() -> None:
    """The bytes in the RFC make the verifier and the challenge in the RFC."""
    verifier = pkce.verifier_of(APPENDIX_B)
    assert verifier == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.METHOD == "S256"


@pytest.mark.rule("R092")
@given(st.binary(min_size=pkce.OCTETS, max_size=pkce.OCTETS))
def test_verifier_has_only_allowed_characters(octets: bytes) -> None:
    """Verifier and challenge differ and have 43 unreserved characters each."""
    verifier = pkce.verifier_of(octets)
    challenge = pkce.challenge_of(verifier)
    for text in (verifier, challenge):
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43}", text)
    assert challenge != verifier
