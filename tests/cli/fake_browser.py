"""A browser as a program: ``fake_browser.py DECISION URL`` signs in and follows the redirect.

The decision is ``sign-in`` or ``cancel``.
"""

import re
import sys
import urllib.parse
import urllib.request

_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')


def visit(decision: str, url: str) -> None:
    """Submit the sign-in form with a decision, and follow the redirect."""
    with urllib.request.urlopen(url) as page:  # noqa: S310 - the test server
        ticket = _TICKET.search(page.read().decode())
    assert ticket is not None, "no sign-in form"
    form = {"ticket": ticket[1], "username": "Ada", "decision": decision}
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()):  # noqa: S310 - the test server
        pass


if __name__ == "__main__":
    visit(*sys.argv[1:])
