"""A search of scikit-learn's says a warning once, whatever filters there are but errors."""

import gc
import subprocess
import sys
import warnings
import weakref
from collections import Counter

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score

from emkit import EMGaussianMixture, EMGaussianMixtureIC
from emkit.exceptions import _SAID, DataWarning, recorded, warn

RNG = np.random.default_rng(0)
ZEROS = np.where(RNG.random(300) < 0.5, 0.0, RNG.exponential(size=300))
TIES = np.column_stack([ZEROS, RNG.normal(size=300)])
GRID = {"n_components": [2, 3], "reg_covar": [1e-6, 1e-7]}
MIXTURE = EMGaussianMixture(random_state=0)
SEARCHES = {
    "grid": lambda: GridSearchCV(MIXTURE, GRID).fit(TIES),
    "random": lambda: RandomizedSearchCV(MIXTURE, GRID, n_iter=3, random_state=0).fit(TIES),
    "cross-validation": lambda: cross_val_score(EMGaussianMixture(2, random_state=0), TIES),
    "of grids": lambda: cross_val_score(
        EMGaussianMixtureIC(1, 2, covariance_type="diag", reg_covar=1e-6, random_state=0), TIES
    ),
}


def told(action, search):
    """How often each text is said."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter(action)
        search()
    return Counter(str(w.message) for w in seen if w.category is DataWarning)


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("action", ["default", "always"])
def test_a_search_says_a_text_once_and_the_next_says_it_again(action, search):
    first, second = told(action, search), told(action, search)
    assert first and set(first.values()) == {1}
    assert second == first


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_by_threads_it_says_the_same(search):
    alone = told("always", search)
    for _ in range(2):
        with parallel_config("threading", n_jobs=2):
            assert told("always", search) == alone


def test_a_grid_by_threads_says_what_it_says_alone():
    grid = EMGaussianMixtureIC(1, 3, random_state=0)
    alone = told("always", lambda: grid.fit(TIES))
    grid.set_params(n_jobs=2)
    for _ in range(3):
        with parallel_config("threading"):
            assert told("always", lambda: grid.fit(TIES)) == alone


def test_several_starts_by_processes_say_what_one_process_says():
    mixture = EMGaussianMixture(3, n_init=4, random_state=0)
    alone = told("always", lambda: mixture.fit(TIES))
    assert alone and told("always", lambda: mixture.set_params(n_jobs=2).fit(TIES)) == alone


def test_each_worker_process_says_it_once(tmp_path):
    """Of 20 fits; processes know neither of each other nor of the search."""
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from sklearn.model_selection import cross_val_score\n"
        "from emkit import EMGaussianMixture\n"
        "r = np.random.default_rng(0)\n"
        "T = np.c_[np.where(r.random(300) < .5, 0, r.exponential(size=300)), r.normal(size=300)]\n"
        "cross_val_score(EMGaussianMixture(2, random_state=0), T, cv=20, n_jobs=2)\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    lines = Counter(line for line in run.stderr.splitlines() if "DataWarning" in line)
    assert lines and max(lines.values()) <= 2


def test_a_script_says_it_once(tmp_path):
    """The filters of a script are Python's own; it was 21 lines of 4 texts."""
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from emkit import EMGaussianMixture\n"
        "r = np.random.default_rng(0)\n"
        "T = np.c_[np.where(r.random(300) < .5, 0, r.exponential(size=300)), r.normal(size=300)]\n"
        f"GridSearchCV(EMGaussianMixture(random_state=0), {GRID}).fit(T)\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    lines = [line for line in run.stderr.splitlines() if "DataWarning" in line]
    assert lines and len(lines) == len(set(lines))
    assert all(line.startswith(f"{script}:6:") for line in lines)


def test_where_a_warning_is_an_error_every_fit_raises_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", DataWarning)
        with pytest.raises(ValueError, match="All the 5 fits failed"):
            cross_val_score(EMGaussianMixture(2, random_state=0), TIES)


def test_fits_that_follow_each_other_on_a_line_each_say_it():
    with pytest.warns(DataWarning) as seen:
        for _ in range(3):
            EMGaussianMixture(2, random_state=0).fit(TIES)
    assert len(seen) == 3


def test_nothing_of_a_search_is_kept():
    class Parallel:
        pass

    parallel = Parallel()
    search = {"__name__": "sklearn.any", "warn": warn}
    exec("def run(parallel):\n    warn('text')\n    warn('text')", search)
    with pytest.warns(UserWarning, match="text") as seen:
        search["run"](parallel)
    assert len(seen) == 1 and parallel in _SAID
    gone = weakref.ref(parallel)
    del parallel
    gc.collect()
    assert gone() is None


def test_what_is_written_down_is_not_said_yet():
    class Parallel:
        pass

    search = {"__name__": "sklearn.any", "warn": warn, "recorded": recorded}
    exec(
        "def run(parallel):\n"
        "    with recorded() as found:\n"
        "        warn('text')\n"
        "    warn('text')\n"
        "    return found",
        search,
    )
    with pytest.warns(UserWarning, match="text") as seen:
        found = search["run"](Parallel())
    assert len(seen) == len(found) == 1
