"""The tools for the documentation site: the check of links, and llms.txt."""

from pathlib import Path

import pytest
from docutils.core import publish_doctree

from tools.site.links import main
from tools.site.llms import Page, index_of, summary_of


def write_site(directory: Path, *links: str) -> None:
    """Write a site of two pages; the first one has these links."""
    directory.joinpath("guide").mkdir()
    directory.joinpath("picture.svg").touch()
    body = "".join(f'<a href="{link}">a</a>' for link in links)
    directory.joinpath("index.html").write_text(f'<h1 id="top-of-page">A</h1>{body}')
    directory.joinpath("guide", "a page.html").write_text(
        '<h1 id="a&amp;b">B</h1><a name="old"></a><img src="../picture.svg">'
    )


def test_links_of_a_complete_site_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Links to files, elements and other sites are not broken."""
    links = (
        *(
            "index.html",
            "#top-of-page",
            "#",
            "guide/a%20page.html#a%26b",
            "guide/a%20page.html#old",
        ),
        *("picture.svg", "https://example.com/missing", "//example.com", "mailto:a@example.com"),
    )
    write_site(tmp_path, *links)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 broken links\n"


@pytest.mark.parametrize("link", ["gone.html", "#gone", "guide/a%20page.html#gone", "guide"])
def test_broken_link_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str
) -> None:
    """The message names the page and the link."""
    write_site(tmp_path, link)
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"index.html: {link} does not exist\n1 broken links\n"


def test_missing_site_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty directory is not a site without broken links."""
    assert main([str(tmp_path)]) == 1
    assert "build the site first" in capsys.readouterr().out


def test_llms_txt_lists_each_page_below_its_part() -> None:
    """The first page is the head, and an index gives its title to the other pages of its part."""
    pages = [
        Page("howto/caches", "Token caches", "Keep tokens."),
        Page("index", "aio-alf", "An OAuth 2 client."),
        Page("howto/index", "Guides", "One page for each task."),
        Page("get_started", "Get started", "Ten minutes."),
    ]
    assert index_of(pages, "aio-alf", "https://docs.example.com/").splitlines() == [
        "# aio-alf",
        "",
        "> An OAuth 2 client.",
        "",
        "## Get started",
        "",
        "- [Get started](https://docs.example.com/get_started.html): Ten minutes.",
        "",
        "## Guides",
        "",
        "- [Token caches](https://docs.example.com/howto/caches.html): Keep tokens.",
        "- [Guides](https://docs.example.com/howto/index.html): One page for each task.",
    ]


def test_summary_of_a_page_is_its_first_sentence() -> None:
    """A page without text has no summary."""
    assert (
        summary_of(publish_doctree("T\n=\n\nOne 1.0\nsentence. Another one."))
        == "One 1.0 sentence."
    )
    assert summary_of(publish_doctree("Before code::\n\n    code")) == "Before code"
    assert summary_of(publish_doctree("")) == ""
