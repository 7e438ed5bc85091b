"""The fixture `oauth_server`, in environments with and without a plugin for asynchronous tests."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.testing.site_packages import install, make_metadata, run_pytest

HEAD = """
import asyncio
import sys

import pytest

from aioalf.testing import OAuthServer
"""
BODY = """
    asyncio.get_running_loop()
    assert isinstance(oauth_server, OAuthServer)
    reader, writer = await asyncio.open_connection(*oauth_server.issuer[7:].split(":"))
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.")
    writer.close()
"""
PYTEST_ASYNCIO = f"""
@pytest.mark.asyncio
async def test_pytest_asyncio(oauth_server: OAuthServer) -> None:
{BODY}
"""
ANYIO = f"""
@pytest.mark.anyio
async def test_anyio(oauth_server: OAuthServer) -> None:
{BODY}
"""
UNMARKED = f"""
async def test_unmarked(oauth_server: OAuthServer) -> None:
{BODY}
"""
ANYIO_BACKEND = """
@pytest.fixture
def anyio_backend():
    return {!r}
"""
OLD_CONFTEST = 'pytest_plugins = ["aioalf.testing.pytest_plugin"]\n'

Site = Callable[..., Path]
STRICT = ("-o", "asyncio_mode=strict", "-o", "asyncio_default_fixture_loop_scope=function")
AUTO = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a function that makes an environment with pytest, aio-alf and more packages."""
    metadata = make_metadata(tmp_path_factory.mktemp("metadata"))
    made: dict[Sequence[str], Path] = {}

    def make(*packages: str) -> Path:
        if packages not in made:
            made[packages] = tmp_path_factory.mktemp("site")
            install(made[packages], metadata, ["pytest", *packages])
        return made[packages]

    return make


def write(directory: Path, *parts: str, conftest: str = "") -> Path:
    """Write a test file of these parts, and perhaps a conftest.py, into a directory."""
    (directory / "test_it.py").write_text(HEAD + "".join(parts), encoding="utf-8")
    if conftest:
        (directory / "conftest.py").write_text(conftest, encoding="utf-8")
    return directory


# In a fresh environment


@pytest.mark.parametrize("conftest", ["", OLD_CONFTEST], ids=["no conftest", "old conftest"])
@pytest.mark.parametrize(
    ("packages", "options", "test"),
    [
        (["pytest-asyncio"], STRICT, PYTEST_ASYNCIO),
        (["pytest-asyncio"], AUTO, UNMARKED),
        (["anyio"], (), ANYIO_BACKEND.format("asyncio") + ANYIO),
        (["anyio"], ("-o", "anyio_mode=auto"), UNMARKED),
        (["anyio", "pytest-asyncio"], ("-p", "anyio", *STRICT), ANYIO + PYTEST_ASYNCIO),
        (["anyio", "pytest-asyncio"], ("-p", "asyncio", *STRICT), ANYIO + PYTEST_ASYNCIO),
    ],
    ids=[
        "asyncio strict",
        "asyncio auto",
        "anyio",
        "anyio auto",
        "both, anyio first",
        "both, pytest-asyncio first",
    ],
)
def test_fixture_runs_in_the_event_loop_of_the_test(
    site: Site,
    tmp_path: Path,
    packages: Sequence[str],
    options: Sequence[str],
    test: str,
    conftest: str,
) -> None:
    """It works with either plugin, with and without the line in conftest.py that it once needed."""
    write(tmp_path, test, conftest=conftest)
    result = run_pytest(site(*packages), tmp_path, "-W", "error", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{test.count('async def')} passed" in result.stdout


def test_without_a_plugin_the_error_says_what_to_install(site: Site, tmp_path: Path) -> None:
    """The error names the extra."""
    result = run_pytest(site(), write(tmp_path, PYTEST_ASYNCIO))
    assert result.returncode == 1
    assert "pip install 'aio-alf[testing]'" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_old_conftest_line_needs_no_plugin_for_other_tests(site: Site, tmp_path: Path) -> None:
    """Tests that do not use the fixture run without a plugin for asynchronous tests."""
    write(tmp_path, "def test_other() -> None: pass", conftest=OLD_CONFTEST)
    assert run_pytest(site(), tmp_path).returncode == 0


@pytest.mark.parametrize("packages", [[], ["anyio"]], ids=["pytest", "anyio"])
def test_plugin_that_is_not_used_loads_nothing(
    site: Site, tmp_path: Path, packages: Sequence[str]
) -> None:
    """Runs that do not use the fixture load the plugin, but neither aiohttp nor the client."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_modules() -> None:\n"
        "    assert 'aioalf.testing.pytest_plugin' in sys.modules\n"
        "    assert not {'aiohttp', 'aioalf.client'} & sys.modules.keys()\n",
        encoding="utf-8",
    )
    result = run_pytest(site(*packages), tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


# In this process


def run_here(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process, without pytest-asyncio."""
    return pytester.runpytest_inprocess(
        *("-p", "no:asyncio", "-p", "aioalf.testing.pytest_plugin", "-p", "no:cacheprovider"),
        *arguments,
    )


def test_unmarked_test_gets_a_clear_error(pytester: pytest.Pytester) -> None:
    """With anyio alone, a test without its marker is not run in an event loop."""
    write(pytester.path, UNMARKED)
    result = run_here(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*mark the test with @pytest.mark.anyio.*"])


def test_anyio_runs_the_fixture(pytester: pytest.Pytester) -> None:
    """A test with the marker of anyio gets a server in its own event loop."""
    write(pytester.path, ANYIO)
    run_here(pytester).assert_outcomes(passed=1)


def test_another_backend_of_anyio_is_refused(pytester: pytest.Pytester) -> None:
    """The server needs asyncio, and the error says how to choose it."""
    write(pytester.path, ANYIO_BACKEND.format("trio"), ANYIO)
    result = run_here(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs asyncio, but this test runs on trio*anyio_backend*"])
