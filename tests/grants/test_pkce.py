"""PKCE: the code challenge."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.grants import _pkce as pkce


@pytest.mark.rule("R091", "R092")
def test_example_of_rfc_7636_appendix_b() -> None:
    """The verifier in the RFC makes the challenge in the RFC."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.METHOD == "S256"


@pytest.mark.rule("R092")
@given(st.text("abcXYZ019._~-", min_size=43, max_size=128))
def test_challenge_has_only_allowed_characters(verifier: str) -> None:
    """The challenge has 43 unreserved characters, and is not the verifier."""
    challenge = pkce.challenge_of(verifier)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge)
    assert challenge != verifier
