"""A request without an event loop, for tests that run the server in another process or thread."""

import urllib.error
import urllib.request


def request(
    url: str, headers: dict[str, str] | None = None, form: str | None = None
) -> tuple[int, str]:
    """Send a request, and return status and body."""
    data = None if form is None else form.encode()
    sent = urllib.request.Request(url, data, headers or {})  # noqa: S310 - a loopback URL
    try:
        with urllib.request.urlopen(sent, timeout=10) as response:  # noqa: S310 - as above
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
