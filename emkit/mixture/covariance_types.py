"""The registry of covariance structures in docstrings, so that none lists them by hand."""

import re
from textwrap import TextWrapper
from typing import Any

from emkit.numerics.covariance import NAMES, STRUCTURES, Structure

__all__ = ["documented"]

#: Stands in a docstring, on a line of its own, where the list goes. Python 3.13 takes away the
#: indentation that all lines share, so the list is indented as this line is.
PLACE = re.compile(r"^( *)<covariance types>\n", re.MULTILINE)


def documented(cls: type) -> Any:
    """The class, with the list of covariance types in its docstring."""
    if cls.__doc__:  # which python -OO takes away
        cls.__doc__ = PLACE.sub(lambda place: _listed(place[1]), cls.__doc__)
    return cls


def _listed(indent: str) -> str:
    """An item for each type: its names, what it is, and the shape of its covariances."""
    wrap = TextWrapper(width=100, initial_indent=f"{indent}- ", subsequent_indent=f"{indent}  ")
    return "".join(f"{wrap.fill(_described(STRUCTURES[name]))}\n" for name in NAMES)


def _described(structure: Structure) -> str:
    names = " or ".join(repr(name) for name in (structure.name, *structure.aliases))
    axes = structure.layout.axes
    shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    return f"{names}: {structure.description}, of shape {shape}."
