"""gasnet3 view --address: tracebacks where it cannot listen; of 0.0.0.0 nobody else saw a page."""

from pathlib import Path

import pytest

from gasnet3.evaluate.judgements import JudgementFile
from gasnet3.view.app import ViewError, make_server
from gasnet3.view.listing import Listing
from gasnet3.view.shared import Shared
from inspected import catalog


def shared(directory: Path) -> Shared:
    table, known = catalog(1)
    return Shared(Listing(table), known, JudgementFile(directory / "mine.csv", "anna"), "test")


@pytest.mark.parametrize(
    ("address", "port"), [("203.0.113.1", 0), ("no such name", 0), ("::1", 0), ("::1", 45678)]
)
def test_an_address_of_another_machine_is_told(tmp_path: Path, address: str, port: int) -> None:
    with pytest.raises(ViewError, match=r"cannot listen on .+: .*--address takes"):
        make_server(shared(tmp_path), port=port, address=address)


@pytest.mark.parametrize(
    ("address", "host", "known"),
    [
        ("0.0.0.0", "192.0.2.7:80", True),
        ("127.0.0.1", "192.0.2.7:80", False),
        ("0.0.0.0", "evil.example", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "localhost:8080", True),  # another port, forwarded by ssh
        ("127.0.0.1", "127.0.0.1:1", True),
        ("127.0.0.1", "", False),
    ],
)
def test_pages_are_answered_by_the_names_of_the_machine(
    tmp_path: Path, address: str, host: str, known: bool
) -> None:
    server = make_server(shared(tmp_path), address=address)
    try:
        assert server.is_host(host) is known
    finally:
        server.server_close()
