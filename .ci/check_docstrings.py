"""Docstrings of all public names, by the checks of numpydoc that pyproject.toml chooses.

Every public class and function must have an example, and everything under "Attributes" a type and
a description; the fields of a record and the members of an enumeration may stand there. A method
without a docstring is documented where it was first promised, an optional one under "Methods".
"""

import inspect
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    "emkit",
    "emkit.datasets",
    "emkit.engine",
    "emkit.exceptions",
    "emkit.metrics",
    "emkit.models",
    "emkit.plotting",
]


def public_objects() -> dict[Any, str]:
    """Every public class, function and method, and where it is found first."""
    found: dict[Any, str] = {}
    for module in map(import_module, MODULES):
        for name in module.__all__:
            thing, path = getattr(module, name), f"{module.__name__}.{name}"
            if inspect.isclass(thing) or inspect.isfunction(thing):
                found.setdefault(thing, path)
            if inspect.isclass(thing):
                for method in methods(thing):
                    found.setdefault(getattr(thing, method), f"{path}.{method}")
    return found


def methods(cls: type) -> Iterator[str]:
    """Names of public methods and properties of emkit's own."""
    for name in [name for name in dir(cls) if not name.startswith("_")]:
        member = getattr(cls, name, None)
        code = member.fget if isinstance(member, property) else inspect.unwrap(member)
        if inspect.isroutine(code) and str(getattr(code, "__module__", "")).startswith("emkit"):
            if member.__doc__ or not (inspect.getdoc(member) or name in listed(cls)):
                yield name


def listed(cls: type) -> set[str]:
    """Optional methods, which the classes above describe under "Methods"."""
    docs = [ClassDoc(base, config={"show_class_members": False}) for base in cls.__mro__[1:-1]]
    return {method.name.partition("(")[0] for doc in docs for method in doc["Methods"]}


def faults(thing: Any, path: str, ignored: set[str]) -> Iterator[str]:
    """What is wrong with one docstring, a line each."""
    report, fields = validate(path), set()
    where = f"{Path(report['file'] or path).resolve()}:{report['file_line']}: {path}"
    if inspect.isclass(thing):
        attributes = ClassDoc(thing, config={"show_class_members": False})["Attributes"]
        fields = {attribute.name for attribute in attributes}
        for name in [a.name for a in attributes if not (a.type and a.desc)]:
            yield f"{where} {name} has no type or no description"
    elif not inspect.isfunction(thing) or "." in thing.__qualname__:
        ignored = ignored | {"EX01"}
    if fields and fields >= set(getattr(thing, "__members__", inspect.signature(thing).parameters)):
        ignored = ignored | {"PR01"}
    yield from (f"{where} {code} {text}" for code, text in report["errors"] if code not in ignored)


if __name__ == "__main__":
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]
    objects = public_objects()
    lines = [line for pair in objects.items() for line in faults(*pair, set(config["checks"]))]
    print(*lines, f"{len(objects)} docstrings, {len(lines)} faults", sep="\n")
    sys.exit(bool(lines))
