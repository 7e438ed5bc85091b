"""A browser with a person at it, as a program: ``$BROWSER URL`` signs in, and follows the redirect.

With ``cancel`` as the first argument the person says no; the login page needs no script.
"""

import re
import sys
import urllib.parse
import urllib.request

_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')


def visit(decision: str, url: str) -> None:
    """Sign in at the login page, or say no, and go where it sends the browser."""
    with urllib.request.urlopen(url) as page:  # noqa: S310 - a test's server
        ticket = _TICKET.search(page.read().decode())
    assert ticket is not None, "no login page"
    form = {"ticket": ticket[1], "username": "Ada", "decision": decision}
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()):  # noqa: S310 - as above
        pass


if __name__ == "__main__":
    visit(*sys.argv[1:])
