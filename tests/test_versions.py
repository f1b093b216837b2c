"""What is written in two places agrees: versions of emkit, floors of what it needs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import emkit

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Constraints of the oldest lane that are no floors: what those releases need to work together.
COMPANIONS = {"distributed", "pyparsing"}


def requirements(*extras):
    """Direct requirements of emkit and of its extras, each with the extras that it names."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, lines):
        if requirement.name == "emkit":
            yield from requirements(*requirement.extras)
        else:
            yield requirement


def floors(*extras):
    """Name and lowest version of every requirement that has one."""
    return {
        requirement.name: Version(specifier.version)
        for requirement in requirements(*extras)
        for specifier in requirement.specifier
        if specifier.operator == ">="
    }


@pytest.fixture(scope="module")
def oldest():
    """Name and version of every constraint of the oldest lane."""
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    constraints = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(len(c.specifier) == 1 and str(c.specifier).startswith("==") for c in constraints)
    return {c.name: Version(next(iter(c.specifier)).version) for c in constraints}


def test_the_oldest_lane_installs_the_floors(oldest):
    assert {name: oldest[name] for name in oldest.keys() - COMPANIONS} == floors("test")


def test_dask_and_its_scheduler_are_of_one_release(oldest):
    assert oldest["distributed"] == oldest["dask"]


def test_the_formatter_is_pinned():
    """A new release of it would find another style, in code that nobody changed."""
    pins = [str(r.specifier) for r in requirements("dev") if r.name == "ruff"]
    assert len(pins) == 1 and re.fullmatch(r"==\d+\.\d+\.\d+", pins[0])


@pytest.mark.parametrize(
    ("paper", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.+)"$'),
        ("CITATION.cff", r"^version: (.+)$"),
        ("CHANGELOG.md", r"^## (\S+)"),
    ],
)
def test_the_version_is_one(paper, pattern):
    first = re.search(pattern, (ROOT / paper).read_text(), re.MULTILINE)
    assert first and first[1] == emkit.__version__


def test_classifiers_name_only_pythons_that_may_install_it():
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert named and all(version in allowed for version in named)
    readme = (ROOT / "README.md").read_text()
    assert f"Python {min(named, key=Version)} or later" in readme
