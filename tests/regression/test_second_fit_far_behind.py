"""A fit that was worse by half a million in χ² was said to be nearly as good."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from gasnet3.anomaly.sentences import sentence


@pytest.mark.parametrize(
    ("worse", "rchi2", "told"),
    [
        (566974.0, 30.3, "fits worse, but by less than is usual at an S/N of 208 (Δχ² = 566974)"),
        (47.0, 0.7, "fits nearly as well (Δχ² = 47) although the S/N is 208"),
        (728.0, 6.1, "fits nearly as well (Δχ² = 728) although the S/N is 208"),
        (-3554.0, 8.6, "has the lower χ², but is no sound fit (Δχ² = -3554) although the S/N is"),
    ],
)
def test_how_far_behind_the_next_redshift_is(worse: float, rchi2: float, told: str) -> None:
    statistics = SimpleNamespace(wave={"closeness": [np.nan]}, extra={"closeness": [np.nan]})
    solution = SimpleNamespace(
        delta_chi2=[worse], rchi2=[rchi2], sn_median=[208.0], next_cls=["QSO"], next_z=[3.1734]
    )
    said = sentence("closeness", 0, cast(Any, statistics), cast(Any, None), cast(Any, solution))
    assert said.startswith(f"QSO at z = 3.1734 {told}")
