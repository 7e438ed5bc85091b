"""An OAuth 2 authorization server and a protected API for tests and the demo.

They listen on loopback ports in the test process and can be told to fail. Must not import
the client side of aioalf, so that the client is tested against independent code. For token caches
there are the tests of their contract, and a cache that can be told to fail.
"""

from typing import TYPE_CHECKING

from aioalf._lazy_exports import lazy_exports

if TYPE_CHECKING:
    from aioalf.testing.cache_contract import CacheContract
    from aioalf.testing.cache_faults import CacheFault, CacheMethod
    from aioalf.testing.connection_faults import ConnectionFault
    from aioalf.testing.endpoint_names import Endpoint
    from aioalf.testing.faults import Fault
    from aioalf.testing.proxy import FaultProxy
    from aioalf.testing.records import ReceivedBody, RecordedRequest
    from aioalf.testing.server import OAuthServer
    from aioalf.testing.settings import MISSING, Json, Missing
    from aioalf.testing.unreliable_cache import CacheCall, UnreliableCache

__all__ = [
    "MISSING",
    "CacheCall",
    "CacheContract",
    "CacheFault",
    "CacheMethod",
    "ConnectionFault",
    "Endpoint",
    "Fault",
    "FaultProxy",
    "Json",
    "Missing",
    "OAuthServer",
    "ReceivedBody",
    "RecordedRequest",
    "UnreliableCache",
]

if not TYPE_CHECKING:  # pragma: no branch - type checkers know the names anyway
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "MISSING": "settings",
            "CacheCall": "unreliable_cache",
            "CacheContract": "cache_contract",
            "CacheFault": "cache_faults",
            "CacheMethod": "cache_faults",
            "ConnectionFault": "connection_faults",
            "Endpoint": "endpoint_names",
            "Fault": "faults",
            "FaultProxy": "proxy",
            "Json": "settings",
            "Missing": "settings",
            "OAuthServer": "server",
            "ReceivedBody": "records",
            "RecordedRequest": "records",
            "UnreliableCache": "unreliable_cache",
        },
    )
