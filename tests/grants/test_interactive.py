"""The URL that a user opens: the endpoint's own query and the parameters of the request."""

import pytest
from yarl import URL

from aioalf.grants._interactive import authorization_url

PAGE = "https://auth.example.com/authorize"
REQUEST = {
    "response_type": "code",
    "state": "a b",
    "redirect_uri": "http://127.0.0.1:1",
    "scope": "",
}
SENT = "response_type=code&state=a+b&redirect_uri=http%3A%2F%2F127.0.0.1%3A1"


@pytest.mark.parametrize("query", ["policy=b2c_1", "a=%2B+%20&b", "scope=openid&prompt="])
def test_query_of_the_endpoint_is_kept(query: str) -> None:
    """Some servers have a policy or a tenant in the query. Escapes in the query do not change."""
    assert authorization_url(URL(f"{PAGE}?{query}", encoded=True), REQUEST) == (
        f"{PAGE}?{query}&{SENT}"
    )
    assert authorization_url(URL(PAGE), REQUEST) == f"{PAGE}?{SENT}"


@pytest.mark.parametrize(
    "query", ["state=evil", "st%61te=evil", "state", "redirect_uri=https://evil.example&state=x"]
)
def test_no_parameter_of_the_request_appears_twice(query: str) -> None:
    """The values of the client replace the values of the endpoint, even if a name is encoded."""
    for endpoint in (f"{PAGE}?{query}", f"{PAGE}?a=b&{query}", f"{PAGE}?{query}&a=b"):
        url = URL(authorization_url(URL(endpoint, encoded=True), REQUEST))
        assert url.query.getall("state") == ["a b"]
        assert url.query.getall("redirect_uri") == ["http://127.0.0.1:1"]
        assert url.query.getall("a", []) == (["b"] if "a=b" in endpoint else [])
