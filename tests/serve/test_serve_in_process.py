"""The command in this process: its text, its lines, and a stream that fails."""

import errno
import io
import os
import re
import signal
import threading
from collections.abc import Callable

import pytest

from aioalf.__main__ import main
from tests.serve.plain_request import request

OPTIONS = ("serve", "--port", "0", "--api-port", "0")


class Stream(io.StringIO):
    """Standard output that calls a function in a thread once the server has been introduced."""

    def __init__(self, visit: Callable[[str], object]) -> None:
        super().__init__()
        self._visit = visit
        self._visitor: threading.Thread | None = None

    def flush(self) -> None:
        """Start the visit when the introduction is complete."""
        if self._visitor is None and self.getvalue().endswith("# Requests\n"):
            self._visitor = threading.Thread(target=self._run)
            self._visitor.start()

    def _run(self) -> None:
        self._visit(self.getvalue())
        self.end_server()

    def end_server(self) -> None:
        """Send SIGTERM to this process."""
        os.kill(os.getpid(), signal.SIGTERM)

    def finish(self) -> str:
        """Wait for the end of the visit, and return the text."""
        assert self._visitor is not None
        self._visitor.join(10)
        return self.getvalue()


def serve(monkeypatch: pytest.MonkeyPatch, stream: Stream, *options: str) -> int:
    """Run the command until the visit is over, and return the exit code."""
    monkeypatch.setattr("sys.stdout", stream)
    return main([*OPTIONS, *options])


def api_of(text: str) -> str:
    """Return the URL of the API in the introduction."""
    found = re.search(r"^  API +(\S+)", text, re.MULTILINE)
    assert found is not None
    return found[1]


def test_each_request_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is flushed at once, and SIGTERM ends the server."""
    stream = Stream(lambda text: request(api_of(text)))
    assert serve(monkeypatch, stream) == 0
    lines = stream.finish().partition("# Requests\n")[2].splitlines()
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines] == [
        " api   401  GET  /things  invalid_token: without a token",
        "Stopped.",
    ]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (("--behaves-like", "google"), "    providers.google(),\n    issuer=SERVER,\n"),
        (("--behaves-like", "entra"), '    providers.entra("contoso.onmicrosoft.com"),\n'),
        (("--behaves-like", "github"), '        "token_endpoint": f"{SERVER}/token",\n'),
        (("--behaves-like", "keycloak"), "    metadata_url=None,\n)\n"),
        (("--sign-in", "Ada"), "  Users           Ada, who is already signed in\n"),
        (("--user", "Ada", "--user", "Eve"), "  Users           Ada, Eve\n"),
        (("--fault", "token=slow"), "  Faults          token=slow\n"),
    ],
)
def test_introduction_shows_the_options(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], printed: str
) -> None:
    """Each option changes the introduction, and no line of it is wider than 80 columns."""
    stream = Stream(lambda _: None)
    assert serve(monkeypatch, stream, *options) == 0
    text = stream.finish()
    assert printed in text
    assert max(map(len, text.splitlines())) <= 80


class FailingStream(Stream):
    """Standard output that fails after the introduction."""

    def __init__(self, visit: Callable[[str], object], error: OSError) -> None:
        super().__init__(visit)
        self._error = error

    def end_server(self) -> None:
        """Do nothing: the server ends because it cannot write."""

    def write(self, text: str) -> int:
        """Write the introduction; raise the error for anything else."""
        if "# Requests" not in text:
            raise self._error
        return super().write(text)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenPipeError(), ""),
        (OSError(errno.ENOSPC, "No space"), "Error: Standard output cannot be written: No space\n"),
    ],
    ids=["pipe", "disk"],
)
def test_failing_output_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    message: str,
) -> None:
    """The request is answered, and the server ends."""
    statuses: list[int] = []
    stream = FailingStream(lambda text: statuses.append(request(api_of(text))[0]), error)
    monkeypatch.setattr("aioalf.__main__._discard_stdout", lambda: None)
    code = serve(monkeypatch, stream)
    stream.finish()
    assert (code, statuses) == (1, [401])
    assert capsys.readouterr().err == message
