"""That what is built is what users get: of the checkout a source archive, of that a wheel."""

import shutil
import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest
from docutils.core import publish_doctree
from docutils.nodes import image as image_node

import aioalf

ROOT = Path(__file__).resolve().parents[2]
BUILD = (
    "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
)
LEFT_BEHIND = (".*", "artefacts", "build", "*.egg-info", "node_modules", "__pycache__")


def build(what: str, checkout: Path, target: Path) -> Path:
    """Build a distribution of a directory, without network, and return its file."""
    command = [sys.executable, "-W", "ignore", "-c", BUILD, what, str(target)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of this checkout, made of a copy so that nothing is left in it."""
    directory = tmp_path_factory.mktemp("a checkout") / "copy"
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return build("build_sdist", directory, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel that the source archive gives."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        # Early releases of Python 3.11 have no filters, and later ones want one.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(unpacked)  # noqa: S202  # this project's own files
    (checkout,) = unpacked.iterdir()
    return ZipFile(build("build_wheel", checkout, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def metadata(wheel: ZipFile) -> Message:
    """What the wheel says of itself."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: ZipFile) -> None:
    """Every module, the marker of a typed package and the licence; no tests, no tools."""
    ours = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "aioalf").rglob("*.py")}
    assert ours == modules | {"aioalf/py.typed"}
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())


def test_the_source_archive_can_be_tested(sdist: Path) -> None:
    """Who packages it for a distribution finds the tests, the settings and the documents."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"Makefile", "tox.ini", "constraints.txt", "docs/rules.rst", "tests/conftest.py"}
    assert wanted | {"README.rst", "CHANGELOG.rst", "LICENSE", "setup.py"} <= names


def test_the_metadata_says_what_is_needed(metadata: Message) -> None:
    """The name, the version of the source, Python 3.11, and aiohttp as the only dependency."""
    assert (metadata["Name"], metadata["Version"]) == ("aio-alf", aioalf.__version__)
    assert metadata["Requires-Python"] == ">=3.11"
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert needed == ["aiohttp>=3.12.2"]


def test_the_project_page_is_the_readme_in_words(metadata: Message) -> None:
    """What the index shows is README.rst; it has no files beside it, so pictures are in words."""
    assert metadata["Description-Content-Type"] == "text/x-rst"
    readme = (ROOT / "README.rst").read_text(encoding="utf-8").strip().split("\n\n")
    description = metadata.get_payload(decode=True)
    assert isinstance(description, bytes)
    shown = description.decode().strip().split("\n\n")
    differing = [pair for pair in zip(readme, shown, strict=True) if pair[0] != pair[1]]
    assert differing
    for picture, words in differing:
        [image] = publish_doctree(picture).findall(image_node)
        assert words == " ".join(str(image["alt"]).split())
    assert ".. image::" not in description.decode()
