"""Small data sets, incomplete in ways that emkit is for, or to be made so."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.datasets.loaders import load_airquality as load_airquality
    from emkit.datasets.loaders import load_channing as load_channing
    from emkit.datasets.loaders import load_cosmesis as load_cosmesis
    from emkit.datasets.loaders import load_death_notices as load_death_notices
    from emkit.datasets.loaders import load_faithful as load_faithful
    from emkit.datasets.loaders import load_galaxies as load_galaxies
    from emkit.datasets.loaders import load_kola as load_kola
    from emkit.datasets.loaders import load_lung as load_lung
    from emkit.datasets.loaders import load_motorettes as load_motorettes
    from emkit.datasets.loaders import load_penguins as load_penguins
    from emkit.datasets.loaders import load_votes as load_votes
    from emkit.datasets.loaders import load_wages as load_wages

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "load_airquality": "loaders",
        "load_channing": "loaders",
        "load_cosmesis": "loaders",
        "load_death_notices": "loaders",
        "load_faithful": "loaders",
        "load_galaxies": "loaders",
        "load_kola": "loaders",
        "load_lung": "loaders",
        "load_motorettes": "loaders",
        "load_penguins": "loaders",
        "load_votes": "loaders",
        "load_wages": "loaders",
    },
)
