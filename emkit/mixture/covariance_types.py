"""The registry of covariance structures in docstrings, so that none lists them by hand."""

from textwrap import TextWrapper
from typing import Any

from emkit.numerics.covariance import NAMES, STRUCTURES, Structure

__all__ = ["documented"]

#: Stands in a docstring, on a line of its own, where the list goes.
PLACE = "        <covariance types>\n"


def documented(cls: type) -> Any:
    """The class, with the list of covariance types in its docstring."""
    if cls.__doc__:  # which python -OO takes away
        cls.__doc__ = cls.__doc__.replace(PLACE, _listed())
    return cls


def _listed() -> str:
    """An item for each type: its names, what it is, and the shape of its covariances."""
    wrap = TextWrapper(width=100, initial_indent=" " * 8 + "- ", subsequent_indent=" " * 10)
    return "".join(f"{wrap.fill(_described(STRUCTURES[name]))}\n" for name in NAMES)


def _described(structure: Structure) -> str:
    names = " or ".join(repr(name) for name in (structure.name, *structure.aliases))
    axes = structure.layout.axes
    shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    return f"{names}: {structure.description}, of shape {shape}."
