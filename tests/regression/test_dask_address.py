"""What is no address of a scheduler was told at once, and the command then hung for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasnet3 import samples
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config
from gasnet3.run.dask import DaskError, work_with_dask
from gasnet3.run.plan import make_plan

pytest.importorskip("distributed")


@pytest.mark.parametrize("address", ["nonsense", "foo://head:8786"])
def test_no_client_is_made_of_what_is_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("distributed.Client", None)
    config = make_config(Request(solver="amortised"))
    plan = make_plan(samples.paths()[:1], tmp_path / "run", config)
    with pytest.raises(DaskError, match=f"no Dask scheduler answers at {address} "):
        work_with_dask(plan, address)
