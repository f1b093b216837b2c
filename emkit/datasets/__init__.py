"""Small data sets with censored responses."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.datasets.loaders import load_lung as load_lung
    from emkit.datasets.loaders import load_motorettes as load_motorettes

__getattr__, __dir__, __all__ = lazy(
    __name__, {"load_lung": "loaders", "load_motorettes": "loaders"}
)
