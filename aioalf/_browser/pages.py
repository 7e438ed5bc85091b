"""The pages that the redirect listener serves: one document with five outcomes, and its headers.

Must not import aiohttp or do I/O. No token or `state` appears on a page, and the only foreign text
is an error description, which is cut and escaped.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Final

MAX_DESCRIPTION_LENGTH: Final = 300


@dataclass(frozen=True)
class Page:
    """One outcome: its text, and the HTTP status of the response."""

    outcome: str
    title: str
    text: str
    detail: str = ""
    status: int = 200


SIGNING_IN = Page(
    "signing-in",
    "Signing you in\N{HORIZONTAL ELLIPSIS}",
    "One moment. Your sign-in is being passed to the program.",
)
# The program may still have to exchange a code, which can fail: the page must not say more.
SIGNED_IN = Page(
    "signed-in",
    "You can close this page",
    "Your sign-in has reached the program. Go back to the program to continue.",
)
TRY_AGAIN = Page(
    "try-again",
    "Please try again",
    "This sign-in is not the one that the program waits for. Go back to the program and start "
    "again.",
    status=400,
)
DISCARDED = Page(
    "refused",
    "The sign-in was not accepted",
    "The response does not name the expected server, so the program does not use it. Go back to "
    "the program, which knows the reason.",
    status=400,
)
NOTHING_TO_DO = Page(
    "nothing-to-do",
    "Nothing to do here",
    "The program is not waiting for a sign-in. You can close this page.",
)


def refused(description: str) -> Page:
    """Return the page for an error response, with the server's description (RFC 6749 §4.1.2.1).

    Control and direction characters become spaces. Only the first 300 characters are shown.
    """
    shown = " ".join("".join(c if c.isprintable() else " " for c in description).split())
    if len(shown) > MAX_DESCRIPTION_LENGTH:
        shown = shown[: MAX_DESCRIPTION_LENGTH - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return Page(
        "refused",
        "The sign-in was refused",
        "The program knows about it. You can close this page.",
        detail=shown,
    )


def render_html(page: Page) -> str:
    """Return the HTML document. All values are escaped."""
    values = {**_texts(page), "failed": render_json(TRY_AGAIN)}
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Template(_DOCUMENT).substitute(
        escaped,
        style=_STYLE,
        script=_SCRIPT,
        icon=_ICON,
        noscript=_WITHOUT_SCRIPT if page is SIGNING_IN else "",
    )


def render_json(page: Page, document: str | None = None) -> str:
    """Return what the script of the sign-in page needs to show an outcome.

    A `document` replaces the whole page.
    """
    return json.dumps(_texts(page) if document is None else {**_texts(page), "document": document})


def _texts(page: Page) -> dict[str, str]:
    return {"outcome": page.outcome, "title": page.title, "text": page.text, "detail": page.detail}


# Runs in the head: the token leaves the address bar before the page is drawn.
_SCRIPT = """
"use strict";
(() => {
  const response = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);

  const relay = async () => {
    const reply = await fetch(location.pathname, {
      method: "POST",
      headers: {"Content-Type": "application/x-www-form-urlencoded"},
      body: response,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    return reply.json();
  };

  const show = (card, page) => {
    if (page.document) {
      document.open();
      document.write(page.document);
      document.close();
      return;
    }
    for (const name of ["title", "text", "detail"]) {
      card.querySelector("." + name).textContent = page[name];
    }
    card.dataset.outcome = page.outcome;
    document.title = page.title;
    card.querySelector(".title").focus();
  };

  addEventListener("DOMContentLoaded", async () => {
    const card = document.querySelector("main");
    if (card.dataset.outcome !== "signing-in") return;
    let page = JSON.parse(card.dataset.failed);
    if (response) {
      try {
        page = await relay();
      } catch {
        // The listener is closed, or refused the request.
      }
    }
    show(card, page);
  });
})();
"""

_STYLE = """
:root {
  --ground: #eef1f6; --glow: #dfe7f5; --card: #ffffff; --edge: #d9dfe9;
  --ink: #17202e; --soft: #4d596b; --quote: #f4f6fa;
  --busy: #3457c9; --good: #14743f; --bad: #b3261e; --again: #8a5300; --idle: #566274;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f131a; --glow: #182234; --card: #1a202b; --edge: #2c3545;
    --ink: #eef2f8; --soft: #aeb9ca; --quote: #232b38;
    --busy: #8fb0ff; --good: #6fd69b; --bad: #ff9d94; --again: #f5bf6b; --idle: #a7b3c5;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground) radial-gradient(60rem 40rem at 50% 0, var(--glow), transparent);
  color: var(--ink);
  font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%; max-width: 28rem; padding: 2.75rem 2.25rem 2.5rem; text-align: center;
  background: var(--card); border: 1px solid var(--edge); border-radius: 1.25rem;
  box-shadow: 0 1px 2px rgb(10 20 40 / 6%), 0 1.25rem 3rem -1rem rgb(10 20 40 / 22%);
}
svg { display: block; width: 4.5rem; height: 4.5rem; margin: 0 auto 1.5rem; fill: none;
  stroke: currentColor; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round; }
.disc { fill: currentColor; stroke: none; opacity: .12; }
.mark { display: none; }
.nothing-to-do { stroke-width: 4; }
.title { font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -.012em;
  text-wrap: balance; }
.title:focus { outline: none; }
.detail { margin: 1.25rem 0 0; padding: .75rem 1rem; border-radius: .75rem; text-align: start;
  background: var(--quote); border: 1px solid var(--edge); overflow-wrap: anywhere; }
.detail:empty { display: none; }
.text { margin-top: .75rem; color: var(--soft); text-wrap: balance; }
.detail:not(:empty) + .text { margin-top: 1.25rem; }
h2 { font-size: 1.375rem; line-height: 1.25; font-weight: 650; text-wrap: balance; }
[data-outcome="signing-in"] svg { color: var(--busy); }
[data-outcome="signed-in"] svg { color: var(--good); }
[data-outcome="refused"] svg { color: var(--bad); }
[data-outcome="try-again"] svg { color: var(--again); }
[data-outcome="nothing-to-do"] svg { color: var(--idle); }
[data-outcome="signing-in"] .signing-in, [data-outcome="signed-in"] .signed-in,
[data-outcome="refused"] .refused, [data-outcome="try-again"] .try-again,
[data-outcome="nothing-to-do"] .nothing-to-do { display: inline; }
[data-outcome="signing-in"] svg { animation: turn 1.1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) {
  [data-outcome="signing-in"] svg { animation: none; }
}
@media (scripting: none) {
  [data-outcome="signing-in"] svg { animation: none; }
  [data-outcome="signing-in"] > .title, [data-outcome="signing-in"] > .text { display: none; }
}
@media (forced-colors: active) { .disc { opacity: 0; } }
@media (max-width: 26rem) { main { padding: 2.25rem 1.5rem 2rem; } }
"""

# Without an icon in the page, browsers request /favicon.ico.
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48'%3E"
    "%3Ccircle cx='24' cy='24' r='23' fill='%233457c9'/%3E%3Cpath d='m15.5 24.8 5.8 5.8 "
    "11.2-12.4' fill='none' stroke='white' stroke-width='4' stroke-linecap='round'/%3E%3C/svg%3E"
)

# Only a script can pass on the fragment: browsers do not send it to the server.
_WITHOUT_SCRIPT = """\
<noscript>
<h2>JavaScript is switched off</h2>
<p class="text">This page needs JavaScript to pass your sign-in to the program. Allow JavaScript
here, then go back to the program and start again.</p>
</noscript>
"""

_DOCUMENT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<script>$script</script>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="$icon">
<style>$style</style>
</head>
<body>
<main data-outcome="$outcome" data-failed="$failed" aria-live="polite">
<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false">
<circle class="disc" cx="24" cy="24" r="23"/>
<path class="mark signing-in" d="M24 11a13 13 0 1 1-13 13"/>
<path class="mark signed-in" d="m15.5 24.8 5.8 5.8 11.2-12.4"/>
<path class="mark refused" d="m17.5 17.5 13 13m0-13-13 13"/>
<path class="mark try-again" d="M33.5 20.5A10.3 10.3 0 1 0 34.3 25M34.4 14.2v6.5h-6.5"/>
<path class="mark nothing-to-do" d="M16 24h.01M24 24h.01M32 24h.01"/>
</svg>
<h1 class="title" tabindex="-1">$title</h1>
<blockquote class="detail">$detail</blockquote>
<p class="text">$text</p>
$noscript</main>
</body>
</html>
"""


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "'sha256-" + base64.b64encode(digest).decode() + "'"


def _headers(script: str, style: str) -> Mapping[str, str]:
    """Return headers against leaks, framing and foreign content (RFC 9700 §4.2.4)."""
    policy = (
        "default-src 'none'",
        f"script-src {script}",
        f"style-src {style}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


HEADERS: Final = _headers(_digest(_SCRIPT), _digest(_STYLE))
"""The headers of every response."""

CUSTOM_HEADERS: Final = _headers("'unsafe-inline'", "'unsafe-inline'")
"""The headers of a page of the program: its inline scripts run. It contains no foreign text."""
