"""The examples are short, have a title, and end by printing; ``.ci/run`` runs them."""

import ast
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
#: ``plot_readme.py`` makes the README's picture and claims nothing.
SCRIPTS = sorted(set(EXAMPLES.rglob("*.py")) - {EXAMPLES / "plot_readme.py"})


def name_of(script):
    return script.relative_to(EXAMPLES).as_posix()


def draws(statement):
    """Whether a statement is the figure, which waits for matplotlib, or what shows it."""
    return (
        ast.unparse(statement) == "show(__file__)"
        or isinstance(statement, ast.If)
        and "plt" in ast.unparse(statement.test)
    )


def prints(statement):
    calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(isinstance(func, ast.Name) and func.id == "print" for func in calls)


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_an_example_is_short_has_a_title_and_ends_by_printing(script):
    text = script.read_text()
    assert len(text.splitlines()) <= (60 if script.parent.name == "classic" else 90)
    assert max(map(len, text.splitlines())) <= 100

    tree = ast.parse(text)
    title, rule, *prose = ast.get_docstring(tree).splitlines()
    assert rule == "=" * len(title)
    assert any(prose)

    assert prints([statement for statement in tree.body if not draws(statement)][-1])


@pytest.mark.parametrize("folder", [EXAMPLES, EXAMPLES / "classic"], ids=lambda path: path.name)
def test_every_example_is_listed_and_everything_listed_is_there(folder):
    listed = re.findall(r"^[-|] `(\w+\.py)`", (folder / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(script.name for script in SCRIPTS if script.parent == folder)
