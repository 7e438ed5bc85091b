"""Settings of the documentation site. ``make docs`` builds it; the build needs no network.

Only this file knows Sphinx. The functions in tools/site decide what the pages show.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for `tools`, and for this checkout instead of an installed aioalf

import aioalf
from tools.site import api, llms

project = "aio-alf"
author = "aio-alf contributors"
copyright = author
version = release = aioalf.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
]
default_role = "py:obj"  # as in docstrings
highlight_language = "text"
nitpicky = True
smartquotes = False  # it makes a dash of the -- in options
suppress_warnings = [
    "toc.not_included",  # tests/project/docs/test_index.py checks that each page can be reached
    "toc.not_readable",  # the indexes name pages that do not exist yet
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True  # an attribute is described once, with its class
python_maximum_signature_line_length = 80

copybutton_exclude = ".linenos, .gp, .go"  # neither prompts nor output

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_baseurl = os.environ.get(
    "READTHEDOCS_CANONICAL_URL", "https://aio-alf.readthedocs.io/en/latest/"
)


def adapt_docstring(_app, what, name, _value, _options, lines):
    """Adapt the lines of a docstring."""
    api.adapt_docstring(what, name, lines)


def adapt_signature(_app, what, _name, value, _options, signature, returned):
    """Adapt the signature of a class or function; None leaves it unchanged."""
    adapted = signature and api.adapt_signature(what, value, signature)
    return None if adapted is None else (adapted, returned)


def skip_member(_app, _what, name, value, _skip, _options):
    """Leave out a member; None leaves the decision to Sphinx."""
    return api.is_skipped(name, value) or None


def resolve(app, env, node, content):
    """Link a name of Python that the code spells differently.

    In text that comes from the code, other names stay without a link: parameters, names of other
    projects, and types that users need not name. Elsewhere, an unknown name is a warning.
    """
    domain = env.domains.python_domain
    if node["refdomain"] != domain.name:
        return None
    page = node["refdoc"]
    place = api.place_of(node["reftarget"], domain.objects)
    if place is not None:
        return domain.resolve_xref(env, page, app.builder, "obj", place, node, content)
    return content if page.startswith(("reference/api/", "reference/cli")) else None


def write_llms(app, exception):
    """Write llms.txt after a build that succeeded."""
    if exception is None:
        pages = [
            llms.Page(name, title.astext(), llms.summary_of(app.env.get_doctree(name)))
            for name, title in app.env.titles.items()
        ]
        text = llms.index_of(pages, project, html_baseurl)
        Path(app.outdir, "llms.txt").write_text(text, encoding="utf-8")


def setup(app):
    """Connect the functions above to a build."""
    app.connect("autodoc-process-docstring", adapt_docstring)
    app.connect("autodoc-process-signature", adapt_signature)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("missing-reference", resolve)
    app.connect("build-finished", write_llms)
