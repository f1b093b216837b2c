"""Marks of tests."""

import pytest

#: For a test that cuts its runs short on purpose.
cut_short = pytest.mark.filterwarnings("ignore::emkit.exceptions.NotConvergedWarning")
