"""Imports run one way: plotting -> estimator -> engine and model -> numerics (and engine.model)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import emkit

ROOT = Path(emkit.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
SHARED = {"emkit._typing", "emkit.exceptions"}
#: Most lines of a file and of the body of a function, docstrings not among them.
FILE_LINES, BODY_LINES = 300, 40


def layer(module):
    """The folder of a module; the files at the top are of the estimators' layer."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (ROOT / parts[1]).is_dir() else "root"


def imports(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path.name}"
            # `from emkit.engine import blocks` may name a module of the package
            yield from (
                f"{node.module}.{a.name}"
                if (ROOT.parent / node.module.replace(".", "/") / f"{a.name}.py").exists()
                else node.module
                for a in node.names
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def allowed(importer, module):
    if not module.startswith("emkit"):
        return True
    if module in SHARED or layer(module) == importer:
        return True
    target = layer(module)
    contract = {"model", "latent_class", "posterior", "recombination", "tree"}
    steps = {f"emkit.engine.{name}" for name in contract}
    below = {"numerics", "models", "engine"}
    return {
        "numerics": False,
        "engine": False,
        "models": target == "numerics" or module in steps | {"emkit.base.lazy"},
        "base": target in {"engine"} or module == "emkit",  # for its version
        "data": target in below | {"base"},
        "mixture": target in below | {"base", "data"},
        "imputation": target in below | {"base", "data", "mixture"},
        "censored": target in below | {"base", "data"},
        "datasets": module == "emkit.base.lazy",
        "root": target != "plotting" or module == "emkit.plotting",
        "plotting": True,
    }[importer]


def modules():
    """Name and imports of every module of the package."""
    for path in FILES:
        name = ".".join(["emkit", *path.relative_to(ROOT).with_suffix("").parts])
        yield name, list(imports(path))


def test_imports_run_one_way():
    wrong = [
        f"{module} imports {name}"
        for module, names in modules()
        for name in names
        if not allowed(layer(module), name)
    ]
    assert not wrong


def test_scikit_learn_stays_where_it_belongs():
    """None of it in the engine and the numerics; its private parts in one file."""
    wrong = [
        f"{module} imports {name}"
        for module, names in modules()
        for name in names
        if name.startswith("sklearn")
        and (
            layer(module) in {"engine", "numerics"}
            or ("._" in name and module != "emkit.base.estimator")
        )
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("before", "statement", "heavy"),
    [
        ("pass", "import emkit", {"sklearn", "pandas", "matplotlib"}),
        ("pass", "import emkit.engine", {"sklearn", "pandas", "matplotlib"}),
        # scikit-learn imports pandas of its own accord where that is installed
        (
            "import sklearn.base, sklearn.impute, sklearn.utils.validation",
            "from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer",
            {"pandas", "matplotlib"},
        ),
    ],
)
def test_a_fresh_interpreter_imports_no_more_than_was_asked_for(before, statement, heavy):
    packages = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys; {before}; old = {packages}; {statement}; print({packages} - old)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    new = ast.literal_eval(run.stdout)
    assert "emkit" in new
    assert not new & heavy


def parts_with_docstrings(tree):
    """The module, its classes and its functions."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def docstring_lines(node):
    if ast.get_docstring(node) is None:
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea_and_a_function_does_one_thing(path):
    text = path.read_text()
    parts = parts_with_docstrings(ast.parse(text))
    assert len(text.splitlines()) - sum(map(docstring_lines, parts)) <= FILE_LINES
    long = [
        part.name
        for part in parts
        if isinstance(part, ast.FunctionDef)
        and part.end_lineno - part.body[0].lineno + 1 - docstring_lines(part) > BODY_LINES
    ]
    assert not long


def test_there_is_something_to_check():
    assert {"engine", "models", "numerics"} <= {path.parent.name for path in FILES}
