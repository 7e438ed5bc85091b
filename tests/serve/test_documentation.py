"""docs/reference/cli.rst describes the options, the defaults and the faults of ``serve``."""

import re

from aioalf.__main__ import parser
from aioalf._serve.faults import NAMED_FAULTS
from aioalf._serve.introduction import PUBLIC_CLIENT
from aioalf._serve.options import OPTIONS
from aioalf._serve.run import make_server
from tests.cli.run_command import ROOT

TEXT = (ROOT / "docs" / "reference" / "cli.rst").read_text(encoding="utf-8")
SECTION = TEXT.partition("\nserve\n-----\n")[2].partition("\n-----")[0]


def test_every_option_and_fault_is_documented() -> None:
    """The error codes of OAuth are not listed, because other documents define them."""
    assert not [name for name in OPTIONS if f"``{name}``" not in SECTION]
    own = [name for name in NAMED_FAULTS if "_" not in name]
    assert not [name for name in own if f"``{name}``" not in SECTION]


def test_documented_defaults_are_the_defaults() -> None:
    """The ports, the lifetime, and the clients."""
    options = parser().parse_args(["serve"])
    server = make_server(options)
    assert f"``http://127.0.0.1:{options.port}``" in SECTION
    assert f"``http://127.0.0.1:{options.api_port}``" in SECTION
    assert f"in seconds, {server.expires_in} by default" in SECTION
    assert re.search(rf"``{server.client_id}`` +``{server.client_secret}`` ", SECTION)
    assert re.search(rf"``{PUBLIC_CLIENT}`` +none ", SECTION)
