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


def test_there_is_something_to_check():
    assert {"engine", "models", "numerics"} <= {path.parent.name for path in FILES}
