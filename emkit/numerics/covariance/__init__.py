"""Covariance structures, one a module: adding a module adds a structure, and nothing else."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from emkit.numerics.covariance.layout import Layout
from emkit.numerics.covariance.layouts import Matrix, Scalar, Vector
from emkit.numerics.covariance.structure import Structure

__all__ = [
    "NAMES",
    "SCIKIT_LEARN",
    "STRUCTURES",
    "Layout",
    "Matrix",
    "Scalar",
    "Structure",
    "Vector",
]

#: The structures of scikit-learn, in its order: those that are compared where none is named.
SCIKIT_LEARN = ("full", "tied", "diag", "spherical")


class _Registry(Mapping[str, Structure]):
    """Structures by name and by alias, mclust's letters in any case."""

    def __init__(self, by_name: dict[str, Structure]):
        self._by_name = by_name

    def __getitem__(self, name: str) -> Structure:
        if name not in self._by_name and isinstance(name, str):
            return self._by_name[name.upper()]
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def _registered() -> dict[str, Structure]:
    """Structures by their names, those of scikit-learn first."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = [module.STRUCTURE for module in modules if hasattr(module, "STRUCTURE")]
    by_name = {structure.name: structure for structure in found}
    return {name: by_name[name] for name in (*SCIKIT_LEARN, *sorted(by_name))}


_BY_NAME = _registered()
#: Names of all structures, one each.
NAMES = tuple(_BY_NAME)
#: Structures by name and by alias.
STRUCTURES: Mapping[str, Structure] = _Registry(
    _BY_NAME | {alias: structure for structure in _BY_NAME.values() for alias in structure.aliases}
)
