"""What a token that an API rejected is replaced with."""

from types import SimpleNamespace
from typing import Any, cast

from aioalf._renewing_token import RenewingToken


async def test_flight_from_before_the_rejection_is_not_the_replacement() -> None:
    """It may return the rejected token from a cache, so that another one is requested."""
    rejected: list[str] = []
    tokens = ["old", "new"]

    async def get_token() -> str:
        return tokens.pop(0)

    def is_renewable(_: str) -> bool:
        return True

    stub: Any = SimpleNamespace(
        can_renew=is_renewable,
        _token=None,
        _uses_stored_tokens=True,
        mark_rejected=rejected.append,
        get_token=get_token,
    )
    assert await RenewingToken.renew_token(cast("RenewingToken", stub), "old") == "new"
    assert rejected == ["old", "old"]
