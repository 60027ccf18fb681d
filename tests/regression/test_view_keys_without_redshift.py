"""The keys that move the redshift made one of NaN where a spectrum has no solution."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from astropy.table import Table
from bokeh.document import Document

from gasnet3.evaluate.judgements import JudgementFile
from gasnet3.pipeline.closeup import Closeup
from gasnet3.spectra.target import STANDARD
from gasnet3.view.listing import Listing
from gasnet3.view.page import Page
from gasnet3.view.shared import Shared


def test_there_is_no_redshift_to_move(tmp_path: Path) -> None:
    table = Table({"id": ["a"], "class": [""], "z": [np.nan]})
    asked: Future[Closeup] = Future()
    finder = SimpleNamespace(lattice=STANDARD)
    solver = SimpleNamespace(inspect=lambda name: asked, finder=finder)
    file = JudgementFile(tmp_path / "mine.csv", "anna")
    page = Page(Document(), Shared(Listing(table), cast(Any, solver), file, "test"))
    flat = np.ones(50)
    page._solved(
        Closeup("a", flat, flat, flat, flat, flat, "", np.nan, np.nan, np.nan, 0, 0, {}, {}, ())
    )
    for key in "[]{}":
        page.press(key)
    assert page.z.value is None
