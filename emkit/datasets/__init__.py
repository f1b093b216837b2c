"""Small data sets, each of them incomplete in a way that emkit is for."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.datasets.loaders import load_airquality as load_airquality
    from emkit.datasets.loaders import load_death_notices as load_death_notices
    from emkit.datasets.loaders import load_galaxies as load_galaxies
    from emkit.datasets.loaders import load_lung as load_lung
    from emkit.datasets.loaders import load_motorettes as load_motorettes

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "load_airquality": "loaders",
        "load_death_notices": "loaders",
        "load_galaxies": "loaders",
        "load_lung": "loaders",
        "load_motorettes": "loaders",
    },
)
