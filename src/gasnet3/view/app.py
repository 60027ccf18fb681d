"""The server of the app: on this machine alone, and nothing of it decided by the URL."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from gasnet3.errors import GasnetError
from gasnet3.evaluate.judgements import Judgement, JudgementFile
from gasnet3.io.options import ReadOptions, reading_of
from gasnet3.nets.registry import lattice_of
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.view.desk import Desk
from gasnet3.view.listing import Listing
from gasnet3.view.server import Server
from gasnet3.view.shared import Closeups, Shared
from gasnet3.view.spectra import SpectrumFinder

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
    colleagues: Sequence[Judgement] = (),
    models: str | Sequence[str] = "encoder",
    solver: str = "hybrid",
    device: str = "cpu",
    choices: Choices = ANYTHING,
    options: ReadOptions | None = None,
) -> Shared:
    """All that the pages share.

    ``spectra`` are files, directories and globs of the catalog's spectra, and may be empty. Where
    ``options`` are left out, the files are read as when the catalog was made. ReadError if an input
    means no file.
    """
    if options is None:
        options = reading_of(listing.table.meta.get("gasnet3") or {})
    finder = SpectrumFinder(spectra, options, lattice_of(models))
    closeups = Closeups(finder, models, solver, device, choices)
    return Shared(listing, closeups, judgements, title, tuple(colleagues))


def serve(
    shared: Shared, *, port: int = 0, address: str = LOCAL, on_ready: Callable[[str], None]
) -> None:
    """Serve the app until Ctrl-C; ``on_ready`` is called with the URL when pages are served.

    Port 0 takes any that is free. ViewError if the port is taken, or the address is none of this
    machine.
    """
    server = make_server(shared, port=port, address=address)
    shared.closeups.start()  # after the port is open: the models load while the page does
    host = socket.gethostname() if address == ANY else address
    try:
        on_ready(f"http://{host}:{server.server_port}/?secret={server.secret}")
        server.serve_forever()
    finally:
        shared.closeups.close()
        server.server_close()


def make_server(shared: Shared, *, port: int = 0, address: str = LOCAL, secret: str = "") -> Server:
    """The server, not started yet; see :func:`serve`. A secret that is '' is drawn by chance."""
    if ":" in address:
        raise ViewError(f"cannot listen on {address}: --address takes a name or an IPv4 address")
    try:
        return Server((address, port), Desk(shared), secret or secrets.token_urlsafe(24))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ViewError(
            f"cannot listen on {address}, port {port or 'any'} ({reason}): choose another "
            "--port, or leave it out; --address takes a name or IPv4 address of this machine"
        ) from None


def opening(url: str) -> str:
    """Address of a file that leads a browser to a URL.

    The secret of an address in a command can be read by everybody on the machine; the file by its
    owner alone.
    """
    place = Path(tempfile.mkdtemp(prefix="gasnet3-view-")) / "open.html"
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0; url={url}">'
        )
    return place.as_uri()
