"""``Pipeline.run`` of bare arrays failed with an AttributeError of something inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gasnet3.pipeline.pipeline import Pipeline


def test_the_message_says_how_to_make_spectra() -> None:
    arrays: Any = np.ones((2, 4076))
    with pytest.raises(TypeError, match=r"got ndarray: .*Spectra\.from_arrays"):
        Pipeline.load(solver="amortised").run(arrays)
