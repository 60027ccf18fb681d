"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import browser
from gasnet3.machine.cores import allotted_cores

# Property tests try the same examples in every run, so that whether a change lands is no matter of
# luck; `make fuzz` tries new ones. None is timed: machines are shared.
PATIENT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile("fuzz", deadline=None, suppress_health_check=PATIENT)
settings.register_profile("same", settings.get_profile("fuzz"), derandomize=True, database=None)
settings.load_profile("same")

MOST_PROCESSES = 8
"""More would not end sooner than the longest file of tests, and each takes a gigabyte."""

SHARED = Path(__file__).parents[1] / ".." / "shared"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes of ``-n auto``: one for each core allotted, which may be fewer than there are."""
    return min(MOST_PROCESSES, allotted_cores())


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The directory of real spectra beside the checkout; tests that need it skip without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no real spectra: {SHARED.resolve()} is absent")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a toy model of each class, for all tests of this process: only to read."""
    from toy import save_toys  # torch is not loaded for tests that do without

    return save_toys(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="session")
def sample_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog of the bundled spectra as the command makes it: only to read."""
    from gasnet3 import samples
    from warm import run

    path = tmp_path_factory.mktemp("samples") / "catalog.parquet"
    run("classify", samples.DIRECTORY, "-o", path, "--threads", 1)
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20260101)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of one file; see ``browser.py``."""
    # Not longer: while it is open, asyncio takes this thread for one with a loop of its own.
    with browser.launched() as opened:
        yield opened


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """An empty page; its errors, warnings and requests to elsewhere fail the test."""
    with browser.watched(chromium) as opened:
        yield opened
