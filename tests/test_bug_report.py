"""``python -m emkit`` tells what a report of a bug needs."""

import os
import subprocess
import sys
from importlib.metadata import version

from emkit import __main__ as report
from emkit import __version__


def test_versions_and_threads_are_printed():
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error", "-m", "emkit"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    assert told["emkit"] == __version__
    assert told["python"].startswith(sys.version.split()[0])
    assert {name: told[name] for name in report.REQUIRED} == {
        name: version(name) for name in report.REQUIRED
    }
    assert ", 2 threads, " in told["openmp"]


def test_what_is_not_installed_is_left_out_or_said(monkeypatch):
    monkeypatch.setattr(report, "REQUIRED", ("no-such-package",))
    monkeypatch.setattr(report, "OPTIONAL", ("no-such-extra", "matplotlib"))
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    told = dict(report.facts())
    assert told["no-such-package"] == "not installed"
    assert "no-such-extra" not in told
    assert told["threads"] == "not known without threadpoolctl"
