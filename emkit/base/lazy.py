"""Names of a package that are imported when they are asked for."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

__all__ = ["lazy"]


def lazy(
    package: str, homes: dict[str, str], modules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package (PEP 562).

    ``homes`` gives the module, within the package, of every public name; ``modules`` are public
    themselves.
    """
    public = sorted({*homes, *modules})

    def getattribute(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        if name in public:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return getattribute, lambda: public, public
