"""The server of the app: on this machine alone, and nothing of it decided by the URL."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gasnet3.errors import GasnetError
from gasnet3.evaluate.judgements import JudgementFile
from gasnet3.io.options import ReadOptions, reading_of
from gasnet3.machine.extras import needed
from gasnet3.nets.registry import lattice_of
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.view.listing import Listing
from gasnet3.view.spectra import SpectrumFinder

if TYPE_CHECKING:
    from bokeh.server.server import Server

    from gasnet3.view.shared import Shared

LOCAL = "127.0.0.1"
ANY = "0.0.0.0"
"""All addresses of the machine; a browser calls it by one of them, or by its name."""


class ViewError(GasnetError):
    """The app cannot be started; the message says why and what to do."""


def prepared(
    listing: Listing,
    spectra: Sequence[str | Path],
    judgements: JudgementFile,
    title: str,
    *,
    models: str | Sequence[str] = "encoder",
    solver: str = "hybrid",
    device: str = "cpu",
    choices: Choices = ANYTHING,
    options: ReadOptions | None = None,
) -> Shared:
    """All that the pages share.

    ``spectra`` are files, directories and globs of the catalog's spectra, and may be empty. Where
    ``options`` are left out, the files are read as when the catalog was made. ReadError if an input
    means no file, MissingExtra if bokeh is not installed.
    """
    needed("bokeh", "view", "gasnet3 view")
    from gasnet3.view.shared import Closeups, Shared

    if options is None:
        options = reading_of(listing.table.meta.get("gasnet3") or {})
    finder = SpectrumFinder(spectra, options, lattice_of(models))
    closeups = Closeups(finder, models, solver, device, choices)
    return Shared(listing, closeups, judgements, title)


def serve(
    shared: Shared, *, port: int = 0, address: str = LOCAL, on_ready: Callable[[str], None]
) -> None:
    """Serve the app until Ctrl-C; ``on_ready`` is called with the URL when pages are served.

    Port 0 takes any that is free. ViewError if the port is taken, or the address is none of this
    machine.
    """
    server = make_server(shared, port=port, address=address)
    server.start()
    shared.closeups.start()  # after the port is open: the models load while the page does
    host = socket.gethostname() if address == ANY else address
    on_ready(f"http://{host}:{server.port}/")
    try:
        server.io_loop.start()
    finally:
        shared.closeups.close()
        server.stop()


def make_server(shared: Shared, *, port: int = 0, address: str = LOCAL) -> Server:
    """The server, not started yet; see :func:`serve`."""
    needed("bokeh", "view", "gasnet3 view")
    from bokeh.application import Application
    from bokeh.application.handlers.function import FunctionHandler
    from bokeh.document import Document
    from bokeh.server.server import Server

    from gasnet3.view.page import Page

    def open_page(document: Document) -> None:
        Page(document, shared)

    if ":" in address:
        raise ViewError(f"cannot listen on {address}: --address takes a name or an IPv4 address")
    try:
        port = port or _free_port(address)
        host = "*" if address == ANY else address
        return Server(
            {"/": Application(FunctionHandler(open_page))},
            port=port,
            address=address,
            allow_websocket_origin=[f"{host}:{port}", f"localhost:{port}"],
        )
    except OSError as error:
        raise ViewError(
            f"cannot listen on {address}, port {port or 'any'} ({error.strerror}): choose another "
            "--port, or leave it out; --address takes a name or IPv4 address of this machine"
        ) from None


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
