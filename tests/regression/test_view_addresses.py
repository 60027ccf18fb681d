"""gasnet3 view --address: tracebacks where it cannot listen; of 0.0.0.0 nobody else saw a page."""

from typing import Any, cast

import pytest

from gasnet3.view.app import ViewError, make_server

NOBODY = cast(Any, None)  # no page is opened


@pytest.mark.parametrize(
    ("address", "port"), [("203.0.113.1", 0), ("no such name", 0), ("::1", 0), ("::1", 45678)]
)
def test_an_address_of_another_machine_is_told(address: str, port: int) -> None:
    with pytest.raises(ViewError, match=r"cannot listen on .+: .*--address takes"):
        make_server(NOBODY, port=port, address=address)


@pytest.mark.parametrize(("address", "host"), [("0.0.0.0", "*"), ("127.0.0.1", "127.0.0.1")])
def test_pages_of_a_machine_are_answered_by_the_names_it_listens_to(
    address: str, host: str
) -> None:
    server = make_server(NOBODY, address=address)
    try:
        assert server._tornado.websocket_origins == {
            f"{host}:{server.port}",
            f"localhost:{server.port}",
        }
    finally:
        server.stop()
