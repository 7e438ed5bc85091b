"""The HTML pages for users: sign-in, device verification, result and error.

The pages use no scripts and load nothing. Must not know what the forms do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape

from aiohttp import web
from yarl import URL

from aioalf.testing._server.responses import NO_STORE

_STYLE = """
:root {
  color-scheme: light dark;
  --page: #eef1f6; --card: #fff; --text: #1b2230; --quiet: #5a6478; --line: #d5dbe6;
  --accent: #3b5bdb; --accent-text: #fff; --tint: #edf2ff; --problem: #c92a2a;
  --shadow: 0 1px 2px rgb(20 30 60 / 8%), 0 12px 32px rgb(20 30 60 / 10%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151c; --card: #1b202b; --text: #e8ebf2; --quiet: #9aa5b8; --line: #343c4d;
    --accent: #91a7ff; --accent-text: #10162b; --tint: #252d42; --problem: #ff8787;
    --shadow: 0 12px 32px rgb(0 0 0 / 35%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem;
  display: flex; flex-direction: column; align-items: center; justify-content: center;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%; max-width: 25rem; padding: 2rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  box-shadow: var(--shadow);
}
svg { display: block; width: 3rem; height: 3rem; color: var(--accent); }
svg.problem { margin: 0; color: var(--problem); }
circle.back { fill: var(--tint); }
h1 { margin: 1rem 0 .25rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0; color: var(--quiet); overflow-wrap: anywhere; }
p + p { margin-top: .75rem; }
strong { color: var(--text); font-weight: 600; }
ul { display: flex; flex-wrap: wrap; gap: .375rem; margin: .75rem 0 0; padding: 0; }
li {
  list-style: none; padding: .125rem .625rem; border-radius: 99px;
  background: var(--tint); color: var(--accent); font-size: .875rem; overflow-wrap: anywhere;
}
label { display: block; margin: 1.5rem 0 .375rem; font-weight: 600; }
input {
  width: 100%; padding: .625rem .75rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--quiet); border-radius: 8px;
}
::placeholder { color: var(--quiet); opacity: 1; }
.buttons { display: flex; gap: .75rem; margin-top: 1.25rem; }
button {
  flex: 1; padding: .625rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--text); background: transparent;
  border: 1px solid var(--line); border-radius: 8px;
}
button.first { color: var(--accent-text); background: var(--accent); border-color: var(--accent); }
button:hover { filter: brightness(1.08); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
p.problem { margin-top: .5rem; color: var(--problem); }
footer { margin-top: 1.25rem; font-size: .875rem; color: var(--quiet); text-align: center; }
"""

_KEY = (
    '<svg viewBox="0 0 48 48" aria-hidden="true"><circle class="back" cx="24" cy="24" r="24"/>'
    '<g fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"'
    ' stroke-linejoin="round"><circle cx="18.5" cy="29.5" r="6"/>'
    '<path d="M23 25 34 14M29.5 18.5l4 4"/></g></svg>'
)

_WARNING = (
    '<svg class="problem" viewBox="0 0 48 48" aria-hidden="true">'
    '<circle class="back" cx="24" cy="24" r="24"/>'
    '<g fill="none" stroke="currentColor" stroke-width="3.5" stroke-linecap="round">'
    '<path d="M24 13v14M24 34v.1"/></g></svg>'
)

_FOOTER = "A test server on this machine."


def login_page(
    client_id: str,
    scopes: Sequence[str],
    ticket: str,
    redirect_uri: str,
    problem: str | None,
    hint: str,
) -> web.Response:
    """Ask for a name and a decision; ``problem`` says why the page is shown again.

    The empty input for the name shows ``hint``.
    """
    body = (
        f"{_KEY}<h1>Sign in</h1>{_request_text(client_id, scopes)}"
        '<form method="post">'
        f'<input type="hidden" name="ticket" value="{escape(ticket)}">'
        '<label for="username">Your name</label>'
        '<input id="username" name="username" autocomplete="username" autofocus maxlength="100"'
        f' placeholder="{escape(hint)}"{_problem_text(problem)}>'
        '<div class="buttons">'
        '<button class="first" name="decision" value="sign-in">Sign in</button>'
        '<button name="decision" value="cancel">Cancel</button>'
        "</div></form>"
    )
    status = 200 if problem is None else 400
    return _page("Sign in", body, status, f"'self' {_form_target(redirect_uri)}")


def code_page(user_code: str, hint: str, problem: str | None) -> web.Response:
    """Ask for a user code, a name and a decision; ``problem`` and ``hint`` as in `login_page`."""
    body = (
        f"{_KEY}<h1>Sign in a device</h1>"
        "<p>Continue only if your device shows this code.</p>"
        '<form method="post">'
        '<label for="user_code">The code</label>'
        f'<input id="user_code" name="user_code" value="{escape(user_code)}" autocomplete="off"'
        f' maxlength="20"{_problem_text(problem)}>'
        '<label for="username">Your name</label>'
        '<input id="username" name="username" autocomplete="username" maxlength="100"'
        f' placeholder="{escape(hint)}">'
        '<div class="buttons">'
        '<button class="first" name="decision" value="approve">Approve</button>'
        '<button name="decision" value="deny">Deny</button>'
        "</div></form>"
    )
    return _page("Sign in a device", body, 200 if problem is None else 400, "'self'")


def done_page(outcome: str) -> web.Response:
    """Show the result of a decision."""
    body = (
        f'{_KEY}<h1>Done</h1><p role="status">{escape(outcome)}</p><p>You can close this page.</p>'
    )
    return _page("Done", body, 200, "'none'")


def error_page(description: str) -> web.Response:
    """Show an error to the user, without a redirect."""
    body = (
        f'{_WARNING}<h1>The request failed</h1><p role="alert">{escape(description)}</p>'
        "<p>Go back to the program that sent you here and start again.</p>"
    )
    return _page("The request failed", body, 400, "'none'")


def _request_text(client_id: str, scopes: Sequence[str]) -> str:
    name = f"<strong>{escape(client_id)}</strong>"
    if not scopes:
        return f"<p>{name} requests access to your account.</p>"
    items = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    return f"<p>{name} requests access to your account:</p><ul>{items}</ul>"


def _problem_text(problem: str | None) -> str:
    if problem is None:
        return ""
    return (
        ' aria-invalid="true" aria-describedby="problem">'
        f'<p class="problem" id="problem" role="alert">{escape(problem)}</p'
    )


def _form_target(redirect_uri: str) -> str:
    """Return the redirect's origin for ``form-action``, which browsers check for redirects too.

    CSP cannot express an IPv6 address or a scheme without hosts: return only the scheme then.
    """
    url = URL(redirect_uri)
    if url.scheme in {"http", "https"} and url.host and ":" not in url.host:
        return str(url.origin())
    return f"{url.scheme}:"


def _page(title: str, body: str, status: int, form_action: str) -> web.Response:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style nonce="{nonce}">{_STYLE}</style></head>'
        f"<body><main>{body}</main><footer>{_FOOTER}</footer></body></html>"
    )
    headers = {
        **NO_STORE,
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(text=html, content_type="text/html", status=status, headers=headers)
