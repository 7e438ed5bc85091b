"""Verifier and challenge."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.grants import _pkce as pkce

APPENDIX_B = bytes.fromhex(
    "7418dfb4 9799e025 4ffa607d d8adbbba 16d4254d 69d6bff0 5b580558 53848d79"
)


@pytest.mark.rule("R091", "R092")
def test_the_example_of_rfc_7636_appendix_b() -> None:
    """The octets of the standard make its verifier and its challenge."""
    verifier = pkce.verifier_of(APPENDIX_B)
    assert verifier == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.METHOD == "S256"


@pytest.mark.rule("R092")
@given(st.binary(min_size=pkce.OCTETS, max_size=pkce.OCTETS))
def test_a_verifier_is_made_of_what_the_standard_allows(octets: bytes) -> None:
    """43 characters of the unreserved ones, and a challenge as long that is not the verifier."""
    verifier = pkce.verifier_of(octets)
    challenge = pkce.challenge_of(verifier)
    for text in (verifier, challenge):
        assert re.fullmatch(r"[A-Za-z0-9._~-]{43}", text)
    assert challenge != verifier
