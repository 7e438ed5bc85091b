"""An OAuth 2 authorization server and a protected API for tests and the demo.

They listen on loopback ports in the test process and can be told to fail. Must not import
the client side of aioalf, so that the client is tested against independent code. For token caches
there are the tests of their contract, and a cache that can be told to fail.
"""

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
