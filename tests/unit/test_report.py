"""Pictures and summaries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gasnet3.catalog import make_catalog
from gasnet3.flags import Notes, ZWarn
from gasnet3.pipeline.closeup import Closeup
from gasnet3.report import figures
from gasnet3.report import history as losses
from gasnet3.report.spectrum import bars
from gasnet3.report.summary import summarise
from gasnet3.spectra.lattice import OBSERVED, ShiftRange

RANGES = {"STAR": (-0.005, 0.005), "GALAXY": (0.0, 1.5), "QSO": (0.0, 5.0)}


def make_inspection(cls: str = "GALAXY", z: float = 0.1) -> Closeup:
    """A flat noisy spectrum with one line, and χ² curves that dip at z."""
    rng = np.random.default_rng(1)
    wave = OBSERVED.wave
    model = 10.0 + 5.0 * np.exp(-0.5 * ((wave - 5008.24 * (1 + z)) / 6.0) ** 2)
    ivar = np.full(wave.size, 4.0)
    ivar[2000:2050] = 0.0
    curves, best_z = {}, {}
    for name, limits in RANGES.items():
        grid = ShiftRange.from_z(*limits).z
        chi2 = 2.0 - (name == cls) * np.exp(-0.5 * ((grid - z) / 2e-3) ** 2) + 1e-3 * grid
        curves[name] = (grid, chi2)
        best_z[name] = float(grid[np.argmin(chi2)])
    return Closeup(
        id="0266-51602-0001",
        wave=wave,
        flux=np.where(ivar > 0, model + 0.5 * rng.normal(size=wave.size), 0.0),
        ivar=ivar,
        continuum=np.full(wave.size, 10.0),
        model=model,
        cls=cls,
        z=z,
        z_err=1e-5,
        rchi2=1.0,
        zwarn=0,
        notes=0,
        curves=curves,
        best_z=best_z,
    )


@pytest.mark.parametrize(("cls", "z"), [("STAR", 1e-4), ("GALAXY", 0.1), ("QSO", 2.1)])
def test_inspection_shows_answer_lines_and_three_curves(tmp_path: Path, cls: str, z: float) -> None:
    figure = figures.plot_closeup(make_inspection(cls, z))
    path = figures.save_figure(figure, tmp_path / "one.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["one.png"]
    top, *bottom = figure.axes
    assert f"{cls}  z = {z:.5f}" in top.get_title()
    assert "Å" in top.get_xlabel()
    assert [ax.get_title().split(":")[0] for ax in bottom] == list(RANGES)
    assert [ax.get_title().endswith("(best)") for ax in bottom] == [c == cls for c in RANGES]
    for ax, limits in zip(bottom, RANGES.values(), strict=True):
        # Each class has an axis of its own, so the narrow range of the stars can be read.
        assert ax.get_xlim() == pytest.approx(limits, abs=2e-3)
    names = {text.get_text() for text in top.texts}
    wanted = {"STAR": "Ca K", "GALAXY": "[O III]", "QSO": "C IV"}
    assert wanted[cls] in names


def with_p_z(closeup: Closeup) -> Closeup:
    """The same with a posterior of two peaks, 0.7 of it at z as the class and 0.2 at 1.2 as QSO."""
    p_z = {name: (z, np.full(z.size, 0.05 / z.size)) for name, (z, _) in closeup.curves.items()}
    for name, at, share in ((closeup.cls, closeup.z, 0.7), ("QSO", 1.2, 0.15)):
        z, p = p_z[name]
        p[np.argmin(np.abs(z - at))] += share
    return replace(closeup, p_z=p_z, z_lo=closeup.z - 0.01, z_hi=1.2)


def test_p_z_is_drawn_behind_the_curves(tmp_path: Path) -> None:
    figure = figures.plot_closeup(with_p_z(make_inspection("GALAXY", 0.1)))
    figures.save_figure(figure, tmp_path / "one.png")
    _, *panels = figure.axes
    curves, behind = panels[::2], panels[1::2]
    assert [ax.get_title().split("\n")[0] for ax in curves] == [
        "STAR: p = 0.050", "GALAXY: p = 0.750", "QSO: p = 0.200",
    ]  # fmt: skip
    bars = [[(b.get_x(), b.get_width(), b.get_height()) for b in ax.patches] for ax in behind]
    for curve, ax, each in zip(curves, behind, bars, strict=True):
        assert curve.get_xlim() == ax.get_xlim()
        assert curve.get_zorder() > ax.get_zorder()
        assert ax.get_ylim() == behind[0].get_ylim(), "of one scale"
        assert len(each) <= 60
    left, width, height = max(bars[1], key=lambda bar: bar[2])
    assert left <= 0.1 <= left + width
    assert height == pytest.approx(0.7, abs=0.01)
    assert "(68 %: 0.0900 to 1.2000)" in figure.axes[0].get_title()
    assert "68 %" not in figures.plot_closeup(make_inspection()).axes[0].get_title()


def test_bars_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    for points in (2, 44, 995):
        share = rng.random(points)
        edges, height = bars(np.cumsum(rng.uniform(0.5, 1.0, points)), share)
        assert len(edges) == len(height) + 1 <= 61
        assert height.sum() == pytest.approx(share.sum())
    assert [len(part) for part in bars(np.zeros(0), np.zeros(0))] == [1, 0]


def test_line_names_do_not_overlap(tmp_path: Path) -> None:
    figure = figures.plot_closeup(make_inspection("GALAXY", 0.0))
    figures.save_figure(figure, tmp_path / "one.png")  # lays it out
    top = figure.axes[0]
    places = sorted(text.get_position()[0] for text in top.texts)
    assert len(places) > 20
    # The names stand upright: side by side they need their height.
    room = np.diff(places).min() * top.get_window_extent().width
    assert room > top.texts[0].get_fontsize() * figure.dpi / 72


def test_spread_moves_least_and_stays_inside() -> None:
    places = np.array([0.001, 0.002, 0.5, 0.9985, 0.999])
    moved = figures._spread(places, 0.02)
    assert np.diff(moved).min() >= 0.02 - 1e-12
    assert moved[2] == pytest.approx(0.5)
    assert moved[0] >= 0.01 - 1e-12
    assert moved[-1] <= 0.99 + 1e-12


def test_model_is_drawn_over_the_data_it_was_made_from() -> None:
    closeup = make_inspection()
    figure = figures.plot_closeup(closeup, continuum=False)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    y = np.asarray(lines["reconstruction"].get_ydata())
    assert "continuum" not in lines
    assert np.isnan(y[2000:2050]).all(), "masked pixels are gaps"
    np.testing.assert_array_equal(y[:2000], closeup.model[:2000])


def test_spectrum_without_a_solution_is_drawn_all_the_same(tmp_path: Path) -> None:
    closeup = make_inspection()
    nothing = np.full(closeup.wave.size, np.nan)
    empty = replace(
        closeup,
        flux=np.zeros(closeup.wave.size),
        ivar=np.zeros(closeup.wave.size),
        model=nothing,
        continuum=nothing,
        cls="",
        z=np.nan,
        z_err=np.nan,
        rchi2=np.nan,
        zwarn=int(ZWarn.NODATA),
        curves={name: (z, np.full(z.size, np.nan)) for name, (z, _) in closeup.curves.items()},
        best_z=dict.fromkeys(RANGES, np.nan),
    )
    for figure in (figures.plot_closeup(empty), figures.plot_gallery([empty, closeup])):
        assert figures.save_figure(figure, tmp_path / "none.png").stat().st_size > 1000


def test_gallery_has_a_panel_for_each_spectrum() -> None:
    flagged = replace(make_inspection("QSO", 2.0), zwarn=int(ZWarn.SMALL_DELTA_CHI2))
    flagged = replace(flagged, notes=int(Notes.ANOMALY))
    figure = figures.plot_gallery([make_inspection()] * 3 + [flagged], columns=3)
    panels = [ax for ax in figure.axes if ax.axison]
    assert len(panels) == 4
    assert "SMALL_DELTA_CHI2, ANOMALY" in panels[3].get_title(loc="left")
    with pytest.raises(ValueError, match="no spectra"):
        figures.plot_gallery([])


def test_unknown_kind_of_picture_is_refused_and_nothing_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"picture\.xyz.*png"):
        figures.save_figure(figures.plot_closeup(make_inspection()), tmp_path / "picture.xyz")
    assert list(tmp_path.iterdir()) == []


def test_loss_figure_marks_the_least_validation_loss(tmp_path: Path) -> None:
    history = tmp_path / "a.history.csv"
    history.write_text(
        "epoch,lr,train_loss,valid_loss,seconds\n1,1e-3,3,4,1\n2,1e-3,2,2.5,1\n3,1e-4,1,2.75,1\n"
    )
    [ax] = losses.plot_loss(history).axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "least validation loss 2.5, epoch 2" in labels
    assert list(ax.lines[0].get_ydata()) == [3, 2, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [("epoch,train_loss\n1,2\n", "valid_loss"), ("epoch,train_loss,valid_loss\n", "no epoch")],
)
def test_loss_of_a_history_that_cannot_be_drawn(tmp_path: Path, text: str, message: str) -> None:
    history = tmp_path / "history.csv"
    history.write_text(text)
    with pytest.raises(ValueError, match=message):
        losses.plot_loss(history)


def test_summary_counts_best_solutions_only() -> None:
    flag = int(ZWarn.SMALL_DELTA_CHI2)
    table = make_catalog(
        {
            "id": ["a", "a", "b", "c", "d"],
            "class": ["GALAXY", "QSO", "GALAXY", "STAR", ""],
            "z": [0.1, 2.0, 0.2, 0.0, np.nan],
            "zwarn": [0, flag, flag, 0, flag | int(ZWarn.NODATA)],
            "notes": [3, 1, 1, 0, 0],
            "znum": [0, 1, 0, 0, 0],
            "sn_median": [10.0, 10.0, 20.0, 5.0, np.nan],
        },
        {},
        {},
    )
    summary = summarise(table)
    assert (summary.count, summary.flagged) == (4, 2)
    counts = [(c.name, c.count, c.flagged) for c in summary.classes]
    assert counts == [("STAR", 1, 0), ("GALAXY", 2, 1), ("none", 1, 1)]
    assert summary.classes[1].sn == 15.0
    assert np.isnan(summary.classes[2].sn)
    assert summary.flags == {"SMALL_DELTA_CHI2": 2, "NODATA": 1}
    assert summary.notes == {"ANOMALY": 2, "CLASS_AMBIGUOUS": 1}
