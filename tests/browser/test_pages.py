"""The pages of the redirect listener: what they say, and what they must never hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from aioalf._browser import pages

REFUSED = pages.refused("The person said no.")
ALL = [pages.SIGNING_IN, pages.SIGNED_IN, REFUSED, pages.TRY_AGAIN, pages.NOTHING_TO_DO]


def each_page() -> pytest.MarkDecorator:
    """Run a test once for each outcome."""
    return pytest.mark.parametrize("page", ALL, ids=lambda page: page.outcome)


def element(name: str, document: str) -> str:
    """Return what the only element of this name holds."""
    found = re.findall(rf"<{name}>(.*?)</{name}>", document, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def digest(text: str) -> str:
    """Return a source of a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@each_page()
def test_the_words_are_there_without_script(page: pages.Page) -> None:
    """Title, text and detail are in the document itself, in English, for any reader."""
    document = pages.render_html(page)
    assert f"<title>{page.title}</title>" in document
    assert f'<h1 class="title" tabindex="-1">{page.title}</h1>' in document
    assert f'<p class="text">{page.text}</p>' in document
    assert f'<blockquote class="detail">{page.detail}</blockquote>' in document
    assert f'<main data-outcome="{page.outcome}"' in document
    assert '<html lang="en">' in document
    assert 'aria-live="polite"' in document


@each_page()
def test_each_outcome_has_its_own_mark_and_colour(page: pages.Page) -> None:
    """Whatever the outcome, a mark of its own is shown, in dark and in light."""
    document = pages.render_html(page)
    assert f'class="mark {page.outcome}"' in document
    assert f'[data-outcome="{page.outcome}"] svg' in document
    assert '<meta name="color-scheme" content="light dark">' in document
    assert "@media (prefers-color-scheme: dark)" in document


@pytest.mark.rule("R107")
@each_page()
def test_nothing_is_loaded_from_anywhere(page: pages.Page) -> None:
    """The only addresses in the document are an SVG namespace and the icon inside the page."""
    document = pages.render_html(page)
    assert re.findall(r"(?:https?:)?//[a-z][^\s'\"]*", document) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r'(?:src|href|action)="([^"]{5})', document) == ["data:"]
    assert "url(" not in document
    assert "@import" not in document


@pytest.mark.rule("R107")
@each_page()
def test_the_policy_allows_this_script_and_this_style_only(page: pages.Page) -> None:
    """The hashes of the policy are those of what the document holds; nothing else may run."""
    document = pages.render_html(page)
    policy = pages.headers()["Content-Security-Policy"].split("; ")
    assert policy == [
        "default-src 'none'",
        f"script-src '{digest(element('script', document))}'",
        f"style-src '{digest(element('style', document))}'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert not re.search(r"\s(?:style|on[a-z]+)=", document)


@pytest.mark.rule("R107")
def test_the_headers_let_nothing_be_stored_framed_sniffed_or_referred() -> None:
    """Every answer carries the headers that keep an answer in the page it came to."""
    headers = dict(pages.headers())
    del headers["Content-Security-Policy"]
    assert headers == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


@pytest.mark.rule("R106", "R107")
def test_the_answer_leaves_the_address_bar_before_anything_else_happens() -> None:
    """The script runs in the head, and its first two acts are to take the hash and remove it."""
    document = pages.render_html(pages.SIGNING_IN)
    script = element("script", document)
    assert document.index("<script>") < document.index("<style>") < document.index("<body>")
    acts = [
        script.index("location.hash"),
        script.index('history.replaceState(null, "", location.pathname)'),
        script.index("fetch(location.pathname"),
        script.index("addEventListener("),
    ]
    assert acts == sorted(acts)


def test_only_the_sign_in_page_needs_script_and_says_so() -> None:
    """Without script, the page that relays the fragment says what to do; the others need none."""
    needing = [page.outcome for page in ALL if "<noscript>" in pages.render_html(page)]
    assert needing == ["signing-in"]
    assert "Allow JavaScript" in element("noscript", pages.render_html(pages.SIGNING_IN))


def test_the_sign_in_page_brings_the_words_for_a_listener_that_is_gone() -> None:
    """What is shown when nobody answers any more comes with the page."""
    assert 'data-failed="{&quot;outcome&quot;: &quot;try-again&quot;' in pages.render_html(
        pages.SIGNING_IN
    )


@pytest.mark.rule("R107")
def test_a_description_is_escaped() -> None:
    """A server's words are text on the page, whatever they hold."""
    document = pages.render_html(pages.refused("""</p><script>alert("1")</script>'$title'&"""))
    assert (
        '<blockquote class="detail">&lt;/p&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'
        "&#x27;$title&#x27;&amp;</blockquote>"
    ) in document


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("a" * 300, "a" * 300),
        ("a" * 301, "a" * 299 + "\N{HORIZONTAL ELLIPSIS}"),
        ("  a\r\n\t b\0c ", "a b c"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", "a b"),
        ("\N{ZERO WIDTH SPACE}", ""),
    ],
)
def test_a_description_is_cut_and_cleaned(description: str, shown: str) -> None:
    """At most 300 characters are shown, without control or direction characters."""
    assert pages.refused(description).detail == shown


@each_page()
def test_the_script_is_told_the_same_words(page: pages.Page) -> None:
    """What the script shows is what the document would have said."""
    assert json.loads(pages.render_json(page)) == {
        "outcome": page.outcome,
        "title": page.title,
        "text": page.text,
        "detail": page.detail,
    }


def test_only_an_answer_that_does_not_belong_is_an_error() -> None:
    """A browser and a test see by the status which answer was turned away."""
    assert {page.outcome: page.status for page in ALL} == {
        "signing-in": 200,
        "signed-in": 200,
        "refused": 200,
        "try-again": 400,
        "nothing-to-do": 200,
    }
