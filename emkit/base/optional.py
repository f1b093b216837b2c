"""Packages that are installed where they are wanted."""

from importlib import import_module
from typing import Any

__all__ = ["optional_import"]


def optional_import(name: str, extra: str, caller: str) -> Any:
    """A module of a package, imported when it is used.

    Parameters
    ----------
    name : str
        Of the module, such as "matplotlib.pyplot".
    extra : str
        What emkit calls the package in ``pip install "emkit[extra]"``.
    caller : str
        What needs it, as the subject of a sentence.

    Raises
    ------
    ImportError
        Where it is not installed; it says how to get it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"{caller} needs {package}, which is not installed. "
            f'Install it with: pip install "emkit[{extra}]"'
        ) from error
