"""The page on the trunk: what it counts, and that its numbers are those measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from gasnet3 import CLASSES
from gasnet3.nets.card import TrunkCard
from gasnet3.nets.trunk import Trunk, TrunkModel
from gasnet3.pipeline.pipeline import Pipeline
from toy import Z_RANGE, save_toys, toy_model, toy_spectra

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from calibrate import Answers
from trunk import Contender, count_rows, page, paired, times

N = 6


def answers(**changes):
    every = np.ones(N, np.bool_)
    said = Answers(
        class_right=every, z_right=every, z_known=every, cls=np.array(CLASSES * 2),
        p_class=np.ones(N), p_z=np.ones(N), pulls=np.zeros(N), clean=every,
    )  # fmt: skip
    return replace(said, **{k: np.array(v, np.bool_) for k, v in changes.items()})


def test_pairs_count_where_the_two_differ():
    one = np.array([1, 1, 1, 1, 1, 1, 0, 1], bool)
    other = np.array([0, 0, 0, 0, 0, 0, 1, 1], bool)
    assert paired(one, other) == (6, 1, 0.125)
    assert paired(one, one) == (0, 0, 1.0)


def test_a_wrong_answer_without_a_warning_is_told_from_one_with():
    spectra = range(N)
    worse = answers(z_right=[0, 0, 1, 1, 1, 1], clean=[1, 0, 1, 1, 1, 1])
    rows = count_rows("some", spectra, [answers(), worse])
    told = {row[1]: row[2:] for row in rows}
    assert told["class right"] == ["100.0 %", "100.0 %", "+0 -0 (1)"]
    assert told["both right"] == ["100.0 %", "66.7 %", "+0 -2 (0.5)"]
    assert told["wrong, no warning"] == ["0.0 %", "16.7 %", "+1 -0 (1)"]
    assert count_rows("sky fibres", spectra, [answers(), worse])[0][2:4] == ["0.0 %", "16.7 %"]


def test_the_page_has_every_number(tmp_path):
    pipeline = Pipeline.load(save_toys(tmp_path), "amortised")
    m = dict.fromkeys(CLASSES, 4)
    network = Trunk(pipeline.lattice.n, m, (3, 4, 5, 6, 7)).eval()
    training = {"seed": 7, "epochs": 3, "n_train": m, "seconds": 120.0}
    metrics = {
        "n": m, "valid_loss": dict.fromkeys(CLASSES, 1.25),
        "valid_loss_separate": dict.fromkeys(CLASSES, 1.5),
    }  # fmt: skip
    options = {"m": m, "widths": [3, 4, 5, 6, 7]}
    hashes = dict.fromkeys(CLASSES, "")
    trunk = TrunkModel(TrunkCard(hashes, options, 5, 1, 1, training, metrics), network)
    engines = tuple(replace(engine, trunk=trunk) for engine in pipeline.engines)
    both = [
        Contender("separate", pipeline),
        Contender("trunk", replace(pipeline, engines=engines)),
    ]
    spectra = toy_spectra(toy_model("QSO"), np.full(3, 0.5 * Z_RANGE["QSO"][1]))
    least = times(both, spectra, 1)
    assert all(0 < network < whole for network, whole in least)
    text = page({"some": [answers(), answers()]}, {"some": spectra}, least, {"trunk": trunk}, "do")
    assert f"| whole amortised run | {least[0][1]:.2f} | {least[1][1]:.2f} |" in text
    assert "seed 7, 3 epochs of 12 spectra, 2 minutes; channels of its layers 3, 4" in text
    assert "| STAR, 4 | 1.50 | 1.25 |" in text
    assert "| some, STAR, 2 | class right | 100.0 % | 100.0 % | +0 -0 (1) |" in text
    assert "$ do" in text
