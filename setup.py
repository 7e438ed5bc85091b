"""Package metadata. The version is read from the source text, so that a build needs no aiohttp."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """Return `__version__` of the package without importing it."""
    source = (HERE / "aioalf" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise RuntimeError("aioalf/__init__.py does not define __version__")
    return match[1]


def project_page() -> str:
    """Return README.rst with alt texts in place of images, which a package index cannot show."""
    readme = (HERE / "README.rst").read_text(encoding="utf-8")
    image = re.compile(r"^\.\. image::.*\n(?: +.*\n)*? +:alt: ((?:.+\n)+)", re.MULTILINE)
    return image.sub(lambda match: " ".join(match[1].split()) + "\n", readme)


setup(
    name="aio-alf",
    version=version(),
    description="OAuth 2 for aiohttp: a session that is always authorized",
    long_description=project_page(),
    long_description_content_type="text/x-rst",
    author="aio-alf contributors",
    license="MIT",
    license_files=["LICENSE"],
    project_urls={
        "Documentation": "https://aio-alf.readthedocs.io/",
        "Source": "https://github.com/globocom/aio-alf",
        "Issues": "https://github.com/globocom/aio-alf/issues",
        "Changelog": "https://github.com/globocom/aio-alf/blob/HEAD/CHANGELOG.rst",
    },
    packages=find_packages(include=["aioalf", "aioalf.*"]),
    package_data={"aioalf": ["py.typed"]},
    entry_points={
        "console_scripts": ["aioalf = aioalf.__main__:main"],
        # The name is the module's, so that pytest loads it once if a conftest.py names it too.
        "pytest11": ["aioalf.testing.pytest_plugin = aioalf.testing.pytest_plugin"],
    },
    python_requires=">=3.11",
    install_requires=["aiohttp>=3.12.2"],
    extras_require={
        "cache": ["filelock>=3.30"],
        "jose": ["joserfc>=1.7.7"],
        "cli": ["click>=8.1.7", "filelock>=3.30", "platformdirs>=4", "segno>=1.6"],
        "testing": ["pytest>=8.4", "pytest-asyncio>=1.0"],
        "tests": [
            "anyio>=4.9",
            "aioresponses>=0.7.9",
            "click>=8.1.7",
            "coverage>=7.6",
            "docutils>=0.21",
            "fakeredis[lua]>=2.40",
            "filelock>=3.30",
            "hypothesis>=6.100",
            "joserfc>=1.7.7",
            "platformdirs>=4",
            "Pygments>=2.17",
            "PyYAML>=6",
            "pytest>=8.4",
            "pytest-asyncio>=1.0",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "segno>=1.6",
            "setuptools>=77",
            "trustme>=1.2",
        ],
        "docs": [
            "furo>=2025.12",
            "Sphinx>=9.0",
            "sphinx-click>=6.2",
            "sphinx-copybutton>=0.5.2",
            "sphinx-design>=0.8",
        ],
        "interop": ["fastapi>=0.115", "playwright>=1.45", "uvicorn>=0.30"],
    },
    keywords=["oauth2", "aiohttp", "asyncio", "client credentials", "bearer token"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: AsyncIO",
        "Framework :: aiohttp",
        "Framework :: Pytest",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Security",
        "Typing :: Typed",
    ],
)
