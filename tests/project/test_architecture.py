"""The architecture as a table that is tested: the layers, and what each package may touch.

A package or module may import the ones listed before it. It may touch only the outside worlds
(network, clocks, files, processes) that its entry names. Imports under `TYPE_CHECKING` must point
downwards too, but touch nothing.
"""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aioalf

SOURCE = Path(aioalf.__file__).parent

LAYERS: list[tuple[str, dict[str, set[str]]]] = [
    (
        "Errors, and values without I/O: masking, grammar, URLs.",
        {
            "_lazy_exports": set(),
            "_error_frames": set(),
            "_masking": set(),
            "_hidden_repr": set(),
            "_retryable_statuses": set(),
            "errors": {"aiohttp"},
            "_syntax": set(),
            "_urls": {"warnings"},
        },
    ),
    (
        "A token, when to renew it, when to retry, and one call for many callers.",
        {
            "token": {"time"},
            "renewal": set(),
            "retry": {"asyncio", "random", "time"},
            "_closing": {"asyncio"},
            "_single_flight": {"asyncio", "logging"},
            "_callbacks": {"asyncio", "logging", "threading"},
            "_secret_source": set(),
            "_key_locks": {"asyncio"},
            "_recently_used": set(),
            "_cache_protocol": set(),
        },
    ),
    (
        "Client authentication, token caches, and the browser with its loopback listener.",
        {
            "client_auth": {"asyncio", "joserfc", "os", "pathlib", "secrets", "ssl", "time"},
            "caches": {"asyncio", "filelock", "logging", "os", "pathlib", "secrets", "time"},
            "_browser": {"aiohttp.web", "asyncio", "logging", "socket", "webbrowser"},
        },
    ),
    (
        "Requests to the authorization server.",
        {"_auth_server": {"aiohttp", "asyncio", "logging", "ssl", "time"}},
    ),
    (
        "Grants: one class for each grant type.",
        {"grants": {"asyncio", "os", "secrets", "segno", "shutil"}},
    ),
    (
        "A login that outlives one token: refresh token, cache entry, sign-out; providers.",
        {
            "_login": {"asyncio", "logging", "os", "random", "socket", "time"},
            "providers": {"asyncio", "os", "pathlib"},
        },
    ),
    (
        "The token manager: one valid token for many callers.",
        {
            "_api_rules": set(),
            "_options": {"aiohttp"},
            "_provider_options": set(),
            "_legacy_hooks": {"time"},
            "_manager_parts": set(),
            "_renewing_token": {"asyncio", "logging", "random", "time"},
            "manager": {"aiohttp", "asyncio", "time"},
        },
    ),
    (
        "A request to an API: Authorization header, origin policy, retry on 401.",
        {"_requests": {"aiohttp", "asyncio", "logging", "time"}},
    ),
    (
        "The public classes for requests: `Client` and `OAuth2Middleware`.",
        {
            "httpclient": {"aiohttp"},
            "middleware": {"aiohttp", "asyncio", "logging"},
            "client": {"aiohttp"},
        },
    ),
    (
        "0.4.0's import paths, the test server, the demo and the commands.",
        {
            "_implicit_storage": {"asyncio", "logging"},
            "implicit_manager": {"logging", "time"},
            "implicit": set(),
            "testing": {
                *("aiohttp", "aiohttp.web", "asyncio", "joserfc", "pytest", "pytest_asyncio"),
                *("secrets", "socket", "ssl", "time", "warnings"),
            },
            "_demo": {"aiohttp", "asyncio", "logging", "os", "time", "webbrowser"},
            "_serve": {"asyncio", "signal"},
            "_cli": {
                *("aiohttp", "asyncio", "click", "logging", "os", "pathlib", "platformdirs"),
                *("shutil", "signal", "ssl", "threading", "time", "warnings", "webbrowser"),
            },
            "__main__": {"asyncio", "os", "pathlib"},
        },
    ),
]
ORDER = [name for _, packages in LAYERS for name in packages]
MAY_TOUCH = {name: worlds for _, packages in LAYERS for name, worlds in packages.items()}

PUBLIC = {
    *("caches", "client", "client_auth", "errors", "grants", "httpclient", "implicit"),
    *("implicit_manager", "manager", "middleware", "providers", "renewal", "retry", "testing"),
    "token",
}
"""The modules that users may import; all others start with an underscore."""

MAX_LINES = 350
VALUES_ONLY = {"yarl", "multidict"}  # third-party packages that only hold values
OUTSIDE = {
    *("asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading"),
    *("time", "uuid", "warnings", "webbrowser"),
}


def files() -> dict[Path, str]:
    """Return each file of the package, with its entry in the table."""
    paths = (path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")))
    return {path: path.parts[0].removesuffix(".py") for path in paths if str(path) != "__init__.py"}


def files_of(package: str) -> list[Path]:
    """Return the files of an entry in the table; there is at least one."""
    found = [path for path, entry in files().items() if entry == package]
    assert found
    return found


def imports(tree: ast.Module, *, typing_too: bool) -> Iterator[str]:
    """Yield the modules that a file imports, `from aiohttp import web` as `aiohttp.web`."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield from _imported_modules(node)
        elif (
            isinstance(node, ast.If)
            and not typing_too
            and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            nodes.extend(node.orelse)
        else:
            nodes.extend(ast.iter_child_nodes(node))


def _imported_modules(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        is_module = node.module == "aioalf" or f"{node.module}.{alias.name}" == "aiohttp.web"
        yield f"{node.module}.{alias.name}" if is_module else str(node.module)


def worlds(names: Iterator[str]) -> set[str]:
    """Return the imported modules that do more than compute values."""
    tops = {
        "aiohttp.web" if name.startswith("aiohttp.web") else name.split(".")[0] for name in names
    }
    third_party = tops - sys.stdlib_module_names - VALUES_ONLY - {"aioalf"}
    return third_party | tops & OUTSIDE


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file of the package."""
    return ast.parse((SOURCE / path).read_text(encoding="utf-8"))


def test_there_are_at_most_ten_layers() -> None:
    """A reader can remember ten layers."""
    assert len(LAYERS) <= 10


def test_every_module_is_in_the_table() -> None:
    """Each new module needs an entry in the table."""
    assert set(files().values()) <= set(ORDER)


def test_the_public_modules_are_few_and_listed() -> None:
    """Modules that users should not import start with an underscore."""
    assert {name for name in files().values() if not name.startswith("_")} <= PUBLIC
    assert len(PUBLIC) <= 15  # and `aioalf` itself


@pytest.mark.parametrize("package", ORDER)
def test_a_module_imports_only_what_is_listed_before_it(package: str) -> None:
    """Imports point downwards: there are no cycles, and no module knows its users."""
    for path in files_of(package):
        names = [name.split(".") for name in imports(parse(path), typing_too=True)]
        ours = {name[1] for name in names if name[0] == "aioalf"} - {package, "__version__"}
        later = {other for other in ours if ORDER.index(other) >= ORDER.index(package)}
        assert not later, path


@pytest.mark.parametrize("package", ORDER)
def test_a_module_touches_only_what_its_package_may(package: str) -> None:
    """Network, clocks, randomness and files are used only in the listed places."""
    for path in files_of(package):
        touched = worlds(imports(parse(path), typing_too=False))
        assert touched <= MAY_TOUCH[package], path


def test_no_file_is_too_long() -> None:
    """A file has at most 350 lines, so that it holds one idea."""
    lines = {path: (SOURCE / path).read_text(encoding="utf-8").splitlines() for path in files()}
    assert not [path for path, text in lines.items() if len(text) > MAX_LINES]


def test_errors_are_not_caught_by_except_star() -> None:
    """Before Python 3.11.4, an error raised inside `except*` is wrapped in an exception group."""
    nodes = [(path, node) for path in files() for node in ast.walk(parse(path))]
    assert not [path for path, node in nodes if isinstance(node, ast.TryStar)]


def test_only_the_demo_and_serve_use_the_test_server() -> None:
    """Only they import `aioalf.testing`, which imports only the contract of token caches."""
    users = {
        package
        for path, package in files().items()
        if any(name.startswith("aioalf.testing") for name in imports(parse(path), typing_too=True))
    }
    assert users <= {"testing", "_demo", "_serve"}
    for path, package in files().items():
        if package == "testing":
            ours = [n for n in imports(parse(path), typing_too=True) if n.startswith("aioalf")]
            others = {name for name in ours if not name.startswith("aioalf.testing")}
            assert others <= {
                *("aioalf._cache_protocol", "aioalf._lazy_exports", "aioalf.errors"),
            }


def test_the_package_itself_only_exports() -> None:
    """`aioalf/__init__.py` holds exports and the version, and no behaviour."""
    _docstring, *body = parse(Path("__init__.py")).body
    others = [ast.unparse(node) for node in body if not isinstance(node, ast.ImportFrom)]
    assert [text.split(" =")[0].splitlines()[0] for text in others] == [
        *("if TYPE_CHECKING:", "__version__", "__all__", "if not TYPE_CHECKING:"),
    ]
    assert others[-1].count("=") == 1  # only __getattr__ and __dir__ are set


@pytest.mark.parametrize("package", ["", "testing"])
def test_all_lists_every_export(package: str) -> None:
    """`__all__` lists each imported name once, and each name exists."""
    module = importlib.import_module(f"aioalf.{package}".rstrip("."))
    imported, modules = exports(Path(package, "__init__.py"))
    assert set(module.__all__) == imported
    assert len(module.__all__) == len(imported)
    assert all(hasattr(module, name) for name in module.__all__)
    source = (SOURCE / package / "__init__.py").read_text(encoding="utf-8")
    listed = source.partition("lazy_exports(")[2]
    assert all(f'"{name.rpartition(".")[2]}"' in listed for name in modules)


def exports(path: Path) -> tuple[set[str], set[str]]:
    """Return the names that a package exports, and the modules that it imports them from."""
    (block,) = (
        node
        for node in parse(path).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imported) == len(block.body)
    names = {alias.name for node in imported for alias in node.names}
    return names, {str(node.module) for node in imported}


def test_the_client_loads_no_server_browser_or_extra() -> None:
    """The loopback listener, the test server, pytest and the extras are imported on first use."""
    loaded = modules_after("import aioalf; aioalf.Client")
    assert "aioalf.client" in loaded
    assert not loaded & {
        *("aiohttp.web", "aioalf.testing", "click", "filelock", "joserfc", "pytest", "segno"),
    }


def test_an_export_loads_only_what_it_needs() -> None:
    """A service imports neither the grants for people nor refresh tokens and signing keys."""
    assert "aioalf.client" not in modules_after("from aioalf import Token")
    assert not modules_after("import aioalf; aioalf.Client") & {
        *("aioalf.grants.authorization_code", "aioalf._login.login", "aioalf._browser"),
        "aioalf.client_auth.private_key_jwt",
    }


def test_the_pytest_plugin_loads_neither_aiohttp_nor_asyncio() -> None:
    """Pytest imports the plugin in each run, also in runs that do not use it."""
    loaded = modules_after("import aioalf.testing.pytest_plugin")
    assert not loaded & {"aiohttp", "aioalf.client", "aioalf.testing.server", "asyncio"}


def modules_after(program: str) -> set[str]:
    """Return the names of all modules that are loaded after a program in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())
