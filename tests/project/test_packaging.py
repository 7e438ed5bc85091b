"""The source archive is built from the checkout, and the wheel from the source archive."""

import re
import shutil
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from email import message_from_bytes
from email.message import Message
from importlib.metadata import EntryPoint
from pathlib import Path
from zipfile import ZipFile

import pytest
from docutils.core import publish_doctree
from docutils.nodes import image as image_node

import aioalf
from aioalf.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
BUILD = (
    "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
)
IGNORED = (".*", "artefacts", "build", "dist", "*.egg-info", "node_modules", "__pycache__")


def build(what: str, checkout: Path, target: Path) -> Path:
    """Build a distribution from a directory without network access, and return its file."""
    command = [sys.executable, "-W", "ignore", "-c", BUILD, what, str(target)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive from a copy of this checkout, which stays unchanged."""
    directory = tmp_path_factory.mktemp("a checkout") / "copy"
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(*IGNORED))
    return build("build_sdist", directory, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Build the wheel from the source archive."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        # Early releases of Python 3.11 have no filters; later ones warn without a filter.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(unpacked)  # noqa: S202 - the project's own files
    (checkout,) = unpacked.iterdir()
    return ZipFile(build("build_wheel", checkout, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def metadata(wheel: ZipFile) -> Message:
    """Return the metadata of the wheel."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_wheel_contains_only_the_package(wheel: ZipFile) -> None:
    """The wheel has every module, py.typed and the license, but no tests and no tools."""
    ours = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "aioalf").rglob("*.py")}
    assert ours == modules | {"aioalf/py.typed"}
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())


def test_wheel_installs_the_command(wheel: ZipFile) -> None:
    """The command ``aioalf`` runs the function that `python -m aioalf` runs."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(name).decode())
    [(command, target)] = entry_points["console_scripts"].items()
    assert command == "aioalf"
    assert EntryPoint(command, target, "console_scripts").load() is main


def test_source_archive_contains_the_tests(sdist: Path) -> None:
    """Linux distributions can run the tests and build the documents from the source archive."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {"Makefile", "tox.ini", "constraints.txt", "docs/index.rst", "tests/conftest.py"}
    assert expected | {"README.rst", "CHANGELOG.rst", "LICENSE", "setup.py"} <= names


def test_source_archive_contains_no_private_key(sdist: Path) -> None:
    """Secret scanners would report a key, even one that only tests use."""
    with tarfile.open(sdist) as archive:
        files = {entry.name: archive.extractfile(entry) for entry in archive if entry.isfile()}
        begin = b"-----BEGIN "  # in two parts, so that this file does not match
        key = re.compile(begin + rb"(\w+ )*PRIVATE KEY-----\s")
        assert not [name for name, file in files.items() if file and key.search(file.read())]


def test_metadata_lists_the_requirements(metadata: Message) -> None:
    """The metadata has the source's version, Python 3.11, and aiohttp as the only dependency."""
    assert (metadata["Name"], metadata["Version"]) == ("aio-alf", aioalf.__version__)
    assert metadata["Requires-Python"] == ">=3.11"
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert required == ["aiohttp>=3.12.2"]


def test_metadata_links_to_the_documentation_and_the_source(metadata: Message) -> None:
    """A package index shows the links to the site, the source, the issues and the changes."""
    links = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    assert list(links) == ["Documentation", "Source", "Issues", "Changelog"]
    assert {str(url).partition("/")[0] for url in links.values()} == {"https:"}


def test_project_page_is_the_readme_without_pictures(metadata: Message) -> None:
    """The long description is README.rst, with each picture replaced by its alternative text."""
    assert metadata["Description-Content-Type"] == "text/x-rst"
    readme = (ROOT / "README.rst").read_text(encoding="utf-8").strip().split("\n\n")
    description = metadata.get_payload(decode=True)
    assert isinstance(description, bytes)
    shown = description.decode().strip().split("\n\n")
    differing = [pair for pair in zip(readme, shown, strict=True) if pair[0] != pair[1]]
    assert differing
    for picture, text in differing:
        [image] = publish_doctree(picture).findall(image_node)
        assert text == " ".join(str(image["alt"]).split())
    assert ".. image::" not in description.decode()
