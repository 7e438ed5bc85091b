"""Fixtures for programs written for 0.4.0."""

import pytest

from aioalf.client import Client
from aioalf.grants.implicit import ImplicitLogin
from aioalf.implicit import OAuthImplicitTokenManager
from aioalf.manager import TokenManager
from tests.support.person import Person


@pytest.fixture(autouse=True)
def _implicit_flow_ends_with_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo after each test what `use_implicit_flow` sets for the whole process."""
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    monkeypatch.setattr(OAuthImplicitTokenManager, "storage", None)
    monkeypatch.setattr(OAuthImplicitTokenManager, "login", ImplicitLogin((32000, 32009)))


@pytest.fixture
async def person() -> Person:
    """A user who signs in."""
    return Person()
