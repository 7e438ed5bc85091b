"""Objects that hold a token or a secret refuse to be pickled, also with a user's manager."""

import copy
import pickle
from collections.abc import Callable

import pytest

from aioalf import Client
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._requests.manager_adapter import LegacyManagerAdapter
from aioalf.caches import MemoryCache
from tests.support.front import FixedManager, UserClient

pytestmark = pytest.mark.rule("R063")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Client("client-id", "secret", "https://auth.example.com/token"),
        lambda: UserClient("client-id", "secret", "https://auth.example.com/token"),
        lambda: Client("client-id", "secret", "https://auth.example.com/token")._dispatcher,  # noqa: SLF001 - an inner object
        lambda: LegacyManagerAdapter(FixedManager()),
        lambda: TokenRequestParams(extra={"key": "secret"}),
        MemoryCache,
    ],
    ids=[
        *("Client", "Client with a user's manager", "RequestDispatcher", "LegacyManagerAdapter"),
        *("TokenRequestParams", "MemoryCache"),
    ],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_object_with_a_secret_cannot_be_pickled(make: Callable[[], object], protocol: int) -> None:
    """A token does not end up in a file or in another process by accident."""
    with pytest.raises(TypeError, match="holds a secret, so it is not pickled"):
        pickle.dumps(make(), protocol)


def test_client_can_be_copied() -> None:
    """A copy in the same process has the same session and manager."""
    client = UserClient("client-id", "secret", "https://auth.example.com/token")
    duplicate = copy.copy(client)
    assert type(duplicate) is UserClient
    assert vars(duplicate) == vars(client)
