"""The files for the code host are valid, and its workflows run the checks of this checkout."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
FILES = sorted([*GITHUB.rglob("*.yml"), *ROOT.glob(".*.yaml")])
CI = GITHUB / "workflows" / "ci.yml"
WORKFLOWS = sorted(CI.parent.glob("*.yml"))
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.stem != "config")
FIELDS = {"checkboxes", "dropdown", "input", "textarea"}

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def load(path: Path) -> Any:
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of a workflow, and the jobs that call another workflow."""
    for job in load(path)["jobs"].values():
        yield from job.get("steps", [job])


def matrix() -> list[dict[str, Any]]:
    """Return the entries of the matrix of Pythons and tox environments."""
    found = load(CI)["jobs"]["check"]["strategy"]["matrix"]
    product = [
        {"python": python, "environment": environment}
        for python in found["python"]
        for environment in found["environment"]
    ]
    return [*product, *found["include"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_valid_yaml(path: Path) -> None:
    """Each file is a mapping, as the code host expects."""
    assert isinstance(load(path), dict)


def test_workflow_runs_every_environment_of_the_checks() -> None:
    """The matrix has all environments that .ci/run names."""
    listed = re.findall(r"-e (coverage,\S+)\"", (ROOT / ".ci" / "run").read_text("utf-8"))
    names = {name for each in listed for name in re.sub(r"\$\{\w+\}", "", each).split(",")}
    assert "lint" in names
    assert names <= {each["environment"] for each in matrix()} | {"interop"}
    assert "make interop" in {step.get("run") for step in steps_of(CI)}


def test_workflow_runs_every_supported_python() -> None:
    """Supported versions must pass. Newer ones are marked, and may fail."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    supported = set(re.findall(r"Python :: (3\.\d+)", setup))
    assert {each["python"] for each in matrix() if not each.get("experimental")} == supported
    newer = {each["python"] for each in matrix() if each.get("experimental")}
    assert newer
    assert newer.isdisjoint(supported)


def test_environment_of_a_version_runs_on_this_version() -> None:
    """An environment such as py312 needs Python 3.12."""
    named = [each for each in matrix() if re.fullmatch(r"py\d+", each["environment"])]
    assert named
    assert all(each["environment"] == f"py{each['python'].replace('.', '')}" for each in named)


@each_workflow
def test_commands_are_targets_of_the_makefile(path: Path) -> None:
    """A workflow runs the commands that developers run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [
        target
        for step in steps_of(path)
        for target in re.findall(r"(?m)^make (\w+)", step.get("run", ""))
    ]
    assert targets
    assert not [target for target in targets if not re.search(f"(?m)^{target}:", makefile)]


@each_workflow
def test_actions_are_pinned_by_their_major_version(path: Path) -> None:
    """A branch such as main could change without a release."""
    used = [step["uses"] for step in steps_of(path) if "uses" in step]
    foreign = [each for each in used if not each.startswith("./")]
    assert foreign
    assert not [each for each in foreign if not re.fullmatch(r"[\w/-]+@(release/)?v\d+", each)]


@each_workflow
def test_workflow_can_only_read_the_repository(path: Path) -> None:
    """No job can write, and only the job that publishes has an identity."""
    workflow = load(path)
    # YAML 1.1 reads the key `on` as true.
    assert "pull_request_target" not in workflow[True]
    assert workflow["permissions"] == {"contents": "read"}
    own = {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job
    }
    assert own in ({}, {"publish": {"id-token": "write"}})
    checkouts = [
        each for each in steps_of(path) if each.get("uses", "").startswith("actions/check")
    ]
    assert all(each["with"] == {"persist-credentials": False} for each in checkouts)


def test_release_is_published_only_after_all_checks() -> None:
    """The job that publishes waits for the checks, and for the approval of its environment."""
    jobs = load(CI.with_name("release.yml"))["jobs"]
    assert jobs["check"]["uses"] == "./.github/workflows/ci.yml"
    assert set(jobs["publish"]["needs"]) == jobs.keys() - {"publish"}
    assert jobs["publish"]["environment"] == "release"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_form_is_complete(path: Path) -> None:
    """A form without these keys is ignored."""
    form = load(path)
    assert {"name", "description", "body"} <= form.keys()
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert {each["type"] for each in fields} <= FIELDS
    assert all(each["attributes"]["label"] for each in fields)
    assert len({each["id"] for each in fields}) == len(fields)
    assert any(each.get("validations") == {"required": True} for each in fields)


def test_commit_hooks_use_the_pinned_tools() -> None:
    """A hook of another repository would bring versions of its own."""
    config = load(ROOT / ".pre-commit-config.yaml")
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert all(hook["entry"].startswith("make check ") for hook in hooks)
