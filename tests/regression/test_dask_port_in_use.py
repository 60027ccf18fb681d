"""Dask workers started here warned when another Dask on the machine had its port 8787."""

from __future__ import annotations

import contextlib
import socket

import pytest

from gasnet3.run.dask import _local

distributed = pytest.importorskip("distributed")


def test_another_cluster_disturbs_nobody() -> None:
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody else has it already
            taken.bind(("", 8787))
            taken.listen()
        with _local(1) as cluster, distributed.Client(cluster, set_as_default=False) as client:
            assert client.submit(sum, [1, 2]).result() == 3
