"""Fields of a y beside rows that are read block by block, or lie on a cluster."""

import numpy as np
import pytest
from containers import KINDS, arrow, records
from numpy.testing import assert_allclose
from places import BLOCK, REGRESSOR, Parts, Slices, cut, gathered, responses

from emkit import censored_target

pd = pytest.importorskip("pandas")


# Rows that are read block by block


def blocks_of(y):
    """Forms of y beside an X that is read block by block."""
    frame = pd.DataFrame(y)
    parts = [frame.iloc[i : i + BLOCK] for i in range(0, len(frame), BLOCK)]
    return {"records": y, "frame": frame, "arrow": arrow(**{n: y[n] for n in y.dtype.names}),
            "sliced": Slices(y), "parts": Parts(*parts), "cut": cut(y, BLOCK)}  # fmt: skip


TARGET = responses()[1]
SEEN = TARGET[:, 0] == TARGET[:, 1]
AT = np.where(np.isfinite(TARGET[:, 0]), TARGET[:, 0], 40.0)


@pytest.mark.parametrize("kind", ["bool", "float", "int"])
@pytest.mark.parametrize("names", [("event", "time"), ("time", "dead")])
def test_frames_beside_sources(short_blocks, kind, names):
    given = {names[0]: SEEN.astype(KINDS[kind]), names[1]: AT}
    if names[0] == "time":
        given = {"time": AT, "dead": SEEN.astype(KINDS[kind])}
    expected = REGRESSOR.fit(REGRESSOR.X, censored_target(AT, event=SEEN))
    for form, y in blocks_of(records(**given)).items():
        for rows in (Slices(REGRESSOR.X), cut(REGRESSOR.X, BLOCK)):
            REGRESSOR.agree(REGRESSOR.fit(rows, y), expected)
            assert_allclose(expected.score(rows, y), expected.score(REGRESSOR.X, records(**given)),
                            rtol=1e-12, err_msg=form)  # fmt: skip
            filled = gathered(expected.impute(rows, y))
            assert_allclose(filled, expected.impute(REGRESSOR.X, records(**given)), rtol=1e-12)


def test_lists_beside_sources(short_blocks):
    y = [(bool(e), float(t)) for e, t in zip(SEEN, AT, strict=True)]
    expected = REGRESSOR.fit(REGRESSOR.X, censored_target(AT, event=SEEN))
    REGRESSOR.agree(REGRESSOR.fit(Slices(REGRESSOR.X), y), expected)


def test_bad_fields_beside_sources_name_the_block(short_blocks):
    status = SEEN.astype(int)
    status[BLOCK + 3] = 2
    for form, y in blocks_of(records(time=AT, status=status)).items():
        with pytest.raises(ValueError, match=r"'status' of y.*\n.*block 1 of y"):
            REGRESSOR.fit(Slices(REGRESSOR.X), y)
        with pytest.raises(ValueError, match="'status'"):
            REGRESSOR.whole().score(cut(REGRESSOR.X, BLOCK), y)
        assert form


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_fields_on_a_cluster(client, kind):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    y = records(time=AT, dead=SEEN.astype(KINDS[kind]))
    expected = REGRESSOR.fit(REGRESSOR.X, y)
    array = da.from_array(REGRESSOR.X, chunks=(BLOCK, -1))
    frame = dd.from_pandas(pd.DataFrame(REGRESSOR.X), npartitions=3)
    lazy = dd.from_pandas(pd.DataFrame(y), npartitions=3)
    for rows, target in ((array, y), (array, pd.DataFrame(y)), (frame, lazy), (frame, y),
                         (array, da.from_array(y, chunks=BLOCK))):  # fmt: skip
        REGRESSOR.agree(REGRESSOR.fit(rows, target), expected)
        assert_allclose(expected.score(rows, target), expected.score(REGRESSOR.X, y), rtol=1e-12)
        for method in (expected.score_samples, expected.impute):
            assert_allclose(gathered(method(rows, target)), method(REGRESSOR.X, y), rtol=1e-12)


def test_bad_fields_on_a_cluster(client):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    y = pd.DataFrame({"status": 1 + SEEN, "time": AT})
    frame = dd.from_pandas(pd.DataFrame(REGRESSOR.X), npartitions=3)
    for rows, target in ((da.from_array(REGRESSOR.X, chunks=(BLOCK, -1)), y),
                         (frame, dd.from_pandas(y, npartitions=3))):  # fmt: skip
        with pytest.raises(ValueError, match=r"'status' of y.*R's coding(.|\n)*chunk"):
            REGRESSOR.fit(rows, target)
        with pytest.raises(ValueError, match="'status' of y"):
            REGRESSOR.whole().score(rows, target)
