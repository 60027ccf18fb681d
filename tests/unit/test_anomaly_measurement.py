"""How found and false alarms are counted, and the tables of the page."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from anomalies.elsewhere import compared, elsewhere_table
from anomalies.inject import INJECTIONS, Injected
from anomalies.marking import MARKED, mixture, worth
from anomalies.measurement import Found, Ordinary, noisy_copies, pooled, precision
from anomalies.page import lines
from anomalies.spectrum import WAVE, Host, Strange
from anomalies.strangest import Strangest, seen, strangest_table

from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.spectra.batch import Spectra

LENS = next(i for i in INJECTIONS if i.name == "lines of a galaxy behind")
KINDS = [*ANOMALY_KINDS.values()]


def _catalog(score, kind, wave=np.nan, z=0.1, z_second=np.nan, prefix="s") -> Table:
    rows = len(score)
    table = Table({"id": [f"{prefix}{i}" for i in range(rows)], "class": ["GALAXY"] * rows})
    for name, value in (("z", z), ("anomaly_wave", wave), ("z_second", z_second),
                        ("sn_median", 20.0), ("rchi2", 1.0), ("robustness", 0.5)):  # fmt: skip
        table[name] = np.broadcast_to(np.asarray(value, float), rows).copy()
    table["anomaly_score"] = np.asarray(score, float)
    table["anomaly_kind"] = np.asarray(kind, np.str_)
    table["anomaly_reason"] = ["strange" if k else "" for k in table["anomaly_kind"]]
    for name, value in ANOMALY_KINDS.items():
        table[f"anomaly_{name}"] = np.where(table["anomaly_kind"] == value, score, 0.1)
    return table


def _injected(rows: int, injection=LENS, strength: float = 20.0) -> Injected:
    flux, ivar = np.ones(len(WAVE)), np.ones(len(WAVE))
    host = Host(flux, ivar, "GALAXY", 0.1, "host")
    strange = Strange(flux, ivar, ((5000.0, 5020.0), (6000.0, 6020.0)), 0.4, 20.0)
    return Injected(injection, strength, [host] * rows, [strange] * rows)


def test_what_is_found_is_counted_and_compared():
    second, defect = "second redshift", "defect"
    table = _catalog(
        [5.0, 2.5, 1.0, np.nan, 2.0],
        [second, second, "", "", defect],
        wave=[5022.0, 5500.0, np.nan, np.nan, 6010.0],
        z=[0.1, 0.4, 0.1, 0.1, 0.1],
        z_second=[0.4001, 0.1, 0.4, np.nan, 0.8],
    )
    found = Found.of(_injected(5), table)
    assert found.recall(2.0) == pytest.approx(3 / 5)
    assert found.recall(3.0) == pytest.approx(1 / 5)
    assert found.share(found.kind_right) == pytest.approx(2 / 3)
    assert found.share(found.wave_right, found.wave_told) == pytest.approx(2 / 3)
    assert list(found.wave_right) == [True, False, False, False, True]
    # The second row tells both redshifts, the other way round.
    assert list(found.z_right) == [True, True, True, False, False]
    assert pooled([found], second).shape == (5,)


def test_precision_of_a_mixture():
    assert precision(1.0, 0.0, 0.05) == 1.0
    assert precision(0.5, 0.01, 0.05) == pytest.approx(0.025 / (0.025 + 0.0095))
    assert np.isnan(precision(0.0, 0.01, 0.05))


def test_false_alarms_are_counted_with_unknown_scores_as_none():
    some = Ordinary("real", np.array(["STAR"] * 4), _catalog([1, 2, 3.5, np.nan], ["", KINDS[0],
                    KINDS[0], ""]))  # fmt: skip
    assert some.alarms(2.0) == (2, 4)
    assert some.alarms(3.0) == (1, 4)
    assert some.alarms(2.0, np.array([True, True, False, False])) == (1, 2)


def test_noisy_copies_are_noisier():
    rng = np.random.default_rng(0)
    flux = 10 + rng.standard_normal((3, len(WAVE)))
    spectra = Spectra.from_arrays(flux, np.ones_like(flux), loglam=np.log10(WAVE))
    copies = noisy_copies(spectra, 1)
    assert len(copies) == 6
    assert (copies.sn_median < spectra.sn_median.min() * 0.8).all()
    assert len(set(copies.ids)) == 6


@pytest.fixture(scope="module")
def everything() -> tuple[list[Ordinary], list[Found]]:
    """Ordinary spectra, and each injection found two times of three."""
    rng = np.random.default_rng(3)
    score = rng.uniform(0, 1.99, 200)
    score[:4] = (2.1, 2.2, 3.1, 3.2)
    kind = np.where(score >= 2, KINDS[0], "")
    ordinary = [Ordinary("real", np.array(["STAR", "GALAXY"] * 100), _catalog(score, kind))]
    found = []
    for injection in INJECTIONS:
        for strength in injection.strengths:
            high = np.where(np.arange(12) % 3 < 2, rng.uniform(2.5, 6, 12), 1.0)
            told = np.where(high >= 2, injection.kinds[0], "")
            table = _catalog(high, told, wave=5010.0, z_second=0.4, prefix=injection.name)
            found.append(Found.of(_injected(12, injection, strength), table))
    return ordinary, found


def test_marks_bring_the_wanted_kind_to_the_top(everything):
    ordinary, found = everything
    table = mixture(ordinary, found, seed=1)
    assert len(set(table["id"])) == len(table)
    assert set(table["truth"]) == {"ordinary", *KINDS}
    for kind in KINDS:
        result = worth(table, kind)
        assert len(result.learned) == len(result.plain) == len(MARKED)
        assert result.learned[0] == result.plain[0]
        assert result.learned[1] > 0.9, "the toy kinds are told apart by one mark each"


def test_the_page_has_every_injection_and_kind(everything):
    ordinary, found = everything
    rows = _catalog([4.0], [KINDS[1]])
    rows["told"] = ["STAR 0.0001"]
    table = mixture(ordinary, found, seed=1)
    few = _catalog([1.0], [""])
    few["notes"] = [0]
    text = "\n".join(lines(ordinary, found, [worth(table, k) for k in KINDS],
                           Strangest(rows, 1, 300), [compared("FEW", few, [])]))  # fmt: skip
    assert "| FEW | 1 | 0.0 % | 0.0 % | - | - | - | - | - |" in text
    for name in (*KINDS, *(injection.name for injection in INJECTIONS)):
        assert name in text
    assert "4 of 200 (2.0 %)" in text
    assert "66.7 %" in text
    assert "nan" not in text
    for block in text.split("\n\n"):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block


def test_a_survey_is_measured_before_and_after():
    own = _catalog(np.linspace(1.5, 4.0, 150), ["defect"] * 150)
    odd = _catalog([9.0, 9.0, 2.0], ["defect"] * 3, prefix="odd")
    for some in (own, odd):
        some["notes"] = 1
    found = compared("SURVEY", own, [odd])
    assert found.strange == (120, 0)
    assert (found.injected, found.found) == (3, (3, 2))
    before, after = found.places
    assert before[:2].tolist() == after[:2].tolist() == [1.0, 1.0]
    assert before[2] == pytest.approx(0.2, abs=0.01)
    row = elsewhere_table([found]).splitlines()[2]
    assert row == "| SURVEY | 150 | 80.0 % | 0.0 % | 3 | 100.0 % | 66.7 % | 100.0 % | 100.0 % |"


def test_verdicts_stand_beside_the_strangest(monkeypatch):
    rows = _catalog([4.0, 3.0], [KINDS[1], KINDS[0]])
    rows["told"] = ["STAR 0.0001", "QSO 2.0"]
    monkeypatch.setattr("anomalies.strangest.seen", lambda: {"s0": ("yes", "a supernova")})
    told = strangest_table(Strangest(rows, 2, 300))
    assert "yes: a supernova" in told
    assert "not looked at" in told


def test_the_verdicts_in_the_repository_are_yes_or_no():
    assert {deserved for deserved, _ in seen().values()} == {"yes", "no"}
    assert all(what for _, what in seen().values())
