"""The pages of the redirect listener: their text, their headers and what they must not contain."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from aioalf._browser import pages

REFUSED = pages.refused("The user refused.")
ALL = [
    *(pages.SIGNING_IN, pages.SIGNED_IN, REFUSED, pages.DISCARDED),
    *(pages.TRY_AGAIN, pages.NOTHING_TO_DO),
]


def each_page() -> pytest.MarkDecorator:
    """Run a test for each outcome."""
    return pytest.mark.parametrize("page", ALL, ids=lambda page: page.title)


def element(name: str, document: str) -> str:
    """Return the content of the only element with this name."""
    found = re.findall(rf"<{name}>(.*?)</{name}>", document, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def digest(text: str) -> str:
    """Return the hash of a text as a content security policy has it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@each_page()
def test_text_is_readable_without_script(page: pages.Page) -> None:
    """Title, text and detail are in the document itself, for screen readers too."""
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
    """Each outcome shows its own mark, in the light and the dark colour scheme."""
    document = pages.render_html(page)
    assert f'class="mark {page.outcome}"' in document
    assert f'[data-outcome="{page.outcome}"] svg' in document
    assert '<meta name="color-scheme" content="light dark">' in document
    assert "@media (prefers-color-scheme: dark)" in document


@pytest.mark.rule("R107")
@each_page()
def test_no_file_is_loaded(page: pages.Page) -> None:
    """The only addresses in the document are an SVG namespace and the embedded icon."""
    document = pages.render_html(page)
    assert re.findall(r"(?:https?:)?//[a-z][^\s'\"]*", document) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r'(?:src|href|action)="([^"]{5})', document) == ["data:"]
    assert "url(" not in document
    assert "@import" not in document


@pytest.mark.rule("R107")
@each_page()
def test_policy_allows_only_the_own_script_and_style(page: pages.Page) -> None:
    """The policy contains the hashes of the script and the style of the document."""
    document = pages.render_html(page)
    policy = pages.HEADERS["Content-Security-Policy"].split("; ")
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
def test_headers_forbid_storing_framing_sniffing_and_referrers() -> None:
    """The headers keep a token inside the page that received it."""
    headers = dict(pages.HEADERS)
    del headers["Content-Security-Policy"]
    assert headers == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


@pytest.mark.rule("R106", "R107")
def test_fragment_is_removed_from_the_address_first() -> None:
    """The script runs in the head; its first two steps read and remove the fragment."""
    document = pages.render_html(pages.SIGNING_IN)
    script = element("script", document)
    assert document.index("<script>") < document.index("<style>") < document.index("<body>")
    steps = [
        script.index("location.hash"),
        script.index('history.replaceState(null, "", location.pathname)'),
        script.index("fetch(location.pathname"),
        script.index("addEventListener("),
    ]
    assert steps == sorted(steps)


def test_only_the_sign_in_page_needs_javascript() -> None:
    """Without JavaScript, the page that relays the fragment tells the user what to do."""
    needs_script = [page.outcome for page in ALL if "<noscript>" in pages.render_html(page)]
    assert needs_script == ["signing-in"]
    assert "Allow JavaScript" in element("noscript", pages.render_html(pages.SIGNING_IN))


def test_sign_in_page_contains_the_text_for_a_closed_listener() -> None:
    """The page can show an outcome even if the listener has closed."""
    assert 'data-failed="{&quot;outcome&quot;: &quot;try-again&quot;' in pages.render_html(
        pages.SIGNING_IN
    )


@pytest.mark.rule("R107")
def test_error_description_is_escaped() -> None:
    """A server's error description is shown as text, not as HTML."""
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
def test_error_description_is_cut_and_cleaned(description: str, shown: str) -> None:
    """At most 300 characters are shown, without control and direction characters."""
    assert pages.refused(description).detail == shown


@each_page()
def test_json_has_the_text_of_the_page(page: pages.Page) -> None:
    """The script shows the same text as the document."""
    assert json.loads(pages.render_json(page)) == {
        "outcome": page.outcome,
        "title": page.title,
        "text": page.text,
        "detail": page.detail,
    }


def test_only_a_response_that_is_not_used_has_an_error_status() -> None:
    """The HTTP status tells whether the program uses the response; an error response is used."""
    failed = [page for page in ALL if page.status != 200]
    assert failed == [pages.DISCARDED, pages.TRY_AGAIN]
    assert {page.status for page in failed} == {400}


@each_page()
def test_no_page_says_that_the_user_is_signed_in(page: pages.Page) -> None:
    """When a page is shown, the program may still have to exchange a code, which can fail."""
    assert "signed in" not in f"{page.title} {page.text}".lower()
