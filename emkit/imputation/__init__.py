"""Cells are missing: imputation before modelling, single or multiple."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.imputation.imputer import EMImputer as EMImputer
    from emkit.imputation.pooling import PooledEstimate as PooledEstimate
    from emkit.imputation.pooling import pool_estimates as pool_estimates

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {"EMImputer": "imputer", "PooledEstimate": "pooling", "pool_estimates": "pooling"},
)
