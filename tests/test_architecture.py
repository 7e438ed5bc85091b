"""The architecture as a table that is tested: what there is, its layer, what it may touch.

A module imports from lower layers only, and touches of the outside world what its line names. What
is imported for type checkers alone is no touch. A package (`grants`, `testing`) is one line.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aioalf

SOURCE = Path(aioalf.__file__).parent

LAYERS: list[dict[str, set[str]]] = [
    # The ground: values, and deciding without I/O.
    {
        "redaction": set(),
        "challenge": set(),
        "pages": set(),
        # A server that judges the client shares nothing with it.
        "testing": {
            *("aiohttp", "aiohttp.web", "asyncio", "joserfc", "pytest_asyncio"),
            *("secrets", "socket", "time", "warnings"),
        },
    },
    {"errors": set(), "error_copies": set()},
    {
        "login_errors": set(),
        "renewal": set(),
        "scope": set(),
        "single_flight": {"asyncio"},
        "urls": {"warnings"},
        "token": {"time"},
        "callables": {"asyncio"},
    },
    {"credentials": set(), "on_token": {"asyncio", "logging"}},
    {"asked": set(), "origins": set(), "token_response": set(), "retry": set()},
    {"client_auth": {"asyncio", "joserfc", "os", "pathlib", "secrets", "ssl", "time"}},
    {"token_record": set()},
    # One outside world each.
    {
        "buffered": {"aiohttp", "asyncio"},
        "browser": {"asyncio", "logging", "webbrowser"},
        "caches": {"asyncio", "filelock", "logging", "os", "pathlib", "tempfile", "time"},
        "loopback_server": {"aiohttp.web", "asyncio", "logging"},
        "loopback_sockets": {"socket"},
    },
    {"loopback": {"aiohttp.web", "asyncio"}},
    # Of the grants, those that ask a person have a listener, a browser and a terminal.
    {"grants": {"asyncio", "os", "secrets", "segno", "shutil"}},
    {"cache_key": set(), "exchange": {"aiohttp", "asyncio"}, "metadata": set()},
    {"discovery": {"logging", "time"}, "reply": set()},
    {"server": set()},
    {"endpoint": {"asyncio", "random", "time"}},
    {"revocation": set()},
    # A token for many callers, then on requests.
    {"cache_entry": {"asyncio", "logging", "time"}},
    {"authorization": set()},
    {"derived": set()},
    {"leaving": set(), "logins": set()},
    {"manager": {"logging", "random", "time"}},
    {"keyed": {"time"}},
    {"bearer": set(), "recipe": set()},
    {"middleware": {"aiohttp", "logging"}},
    {"call": {"aiohttp"}, "session": {"aiohttp", "asyncio"}},
    {"sender": {"aiohttp", "asyncio", "logging", "time"}, "shared_session": set()},
    # What users hold in their hands.
    {"httpclient": {"aiohttp"}},
    {"client": set()},
    {"implicit": {"asyncio", "logging", "time"}},
    {"implicit_manager": set()},
    {
        "cli": {
            *("aiohttp", "asyncio", "click", "logging", "os", "pathlib", "platformdirs", "shutil"),
            *("signal", "threading", "time", "warnings", "webbrowser"),
        },
        "demo": {"aiohttp", "asyncio", "logging", "os", "time", "webbrowser"},
    },
    {"__main__": {"asyncio", "os"}},
]
LAYER_OF = {module: number for number, layer in enumerate(LAYERS) for module in layer}
MAY_TOUCH = {module: worlds for layer in LAYERS for module, worlds in layer.items()}

IMPORTED = {
    *("bearer", "call", "client", "errors", "httpclient", "manager", "origins", "renewal"),
    *("sender", "session", "single_flight", "token", "urls"),
}
"""What `import aioalf` imports of it, which takes time wherever it is used."""

VALUES_ONLY = {"yarl", "multidict"}  # of the packages that are no standard library
OUTSIDE = {
    *("asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading"),
    *("time", "uuid", "warnings", "webbrowser"),
}


def files() -> dict[Path, str]:
    """Each file of the package, with the line of the table it belongs to."""
    paths = (path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")))
    return {path: path.parts[0].removesuffix(".py") for path in paths if str(path) != "__init__.py"}


def imports(tree: ast.Module, *, typing_too: bool) -> Iterator[str]:
    """The modules that a file imports, `from aiohttp import web` as `aiohttp.web`."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield from _names_of(node)
        elif (
            isinstance(node, ast.If)
            and not typing_too
            and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            nodes.extend(node.orelse)
        else:
            nodes.extend(ast.iter_child_nodes(node))


def _names_of(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        is_module = node.module == "aioalf" or f"{node.module}.{alias.name}" == "aiohttp.web"
        yield f"{node.module}.{alias.name}" if is_module else str(node.module)


def worlds(names: Iterator[str]) -> set[str]:
    """Of imported modules, those that reach outside of this process's own values."""
    tops = {
        "aiohttp.web" if name.startswith("aiohttp.web") else name.split(".")[0] for name in names
    }
    strangers = tops - sys.stdlib_module_names - VALUES_ONLY - {"aioalf"}
    return strangers | tops & OUTSIDE


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file of the package."""
    return ast.parse((SOURCE / path).read_text(encoding="utf-8"))


def test_every_module_is_in_the_table() -> None:
    """A new module has no place until the table gives it one."""
    assert set(files().values()) <= LAYER_OF.keys()


@pytest.mark.parametrize(("path", "module"), files().items(), ids=str)
def test_a_module_imports_from_lower_layers_only(path: Path, module: str) -> None:
    """Imports run one way: no circle, and no part that knows who uses it."""
    names = [name.split(".") for name in imports(parse(path), typing_too=True)]
    ours = {name[1] for name in names if name[0] == "aioalf"} - {module, "__version__"}
    assert not {other for other in ours if LAYER_OF[other] >= LAYER_OF[module]}


@pytest.mark.parametrize(("path", "module"), files().items(), ids=str)
def test_a_module_touches_what_the_table_lets_it(path: Path, module: str) -> None:
    """Network, clocks, chance and files are met in few known places."""
    assert worlds(imports(parse(path), typing_too=False)) <= MAY_TOUCH[module]


@pytest.mark.parametrize("path", files(), ids=str)
def test_errors_are_not_caught_by_except_star(path: Path) -> None:
    """Before Python 3.11.4 what is raised in it comes out in a group, which no caller expects."""
    assert not [node for node in ast.walk(parse(path)) if isinstance(node, ast.TryStar)]


def test_only_the_demo_uses_the_test_server() -> None:
    """What users run in production does not know the server for tests."""
    users = {
        module
        for path, module in files().items()
        if any(name.startswith("aioalf.testing") for name in imports(parse(path), typing_too=True))
    }
    assert users <= {"testing", "demo"}


def test_the_package_itself_only_exports() -> None:
    """`aioalf/__init__.py` holds imports, `__all__` and the version, and no behaviour.

    What is imported when it is first named, is so for type checkers, too.
    """
    _docstring, *body = parse(Path("__init__.py")).body
    others = [node for node in body if not isinstance(node, ast.ImportFrom)]
    assert {ast.unparse(node).split(" ")[0] for node in others} <= {"__all__", "__version__", "if"}
    (choice,) = [node for node in others if isinstance(node, ast.If)]
    assert all(isinstance(node, ast.ImportFrom) for node in choice.body)
    assert [getattr(node, "name", None) for node in choice.orelse] == ["__getattr__", "__dir__"]


def test_all_is_true() -> None:
    """`__all__` names what is imported, sorted as ruff sorts it, and all of it exists."""
    tree = parse(Path("__init__.py"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(aioalf.__all__) == imported - {"TYPE_CHECKING", "import_module"}
    assert len(aioalf.__all__) == len(set(aioalf.__all__))
    assert all(hasattr(aioalf, name) for name in aioalf.__all__)


def test_importing_the_package_imports_no_more_than_a_service_needs() -> None:
    """A browser flow, a listener, the test server and pytest come when they are asked for."""
    program = "import sys, aioalf; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert {name for name in loaded if name.startswith("aioalf.")} == {
        f"aioalf.{name}" for name in IMPORTED
    }
    assert not loaded & {"aiohttp.web", "aioresponses", "pytest", "webbrowser"}
