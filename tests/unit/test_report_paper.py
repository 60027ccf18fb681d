"""The paper's figures: what is on them, and that nothing is lost from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import CLASSES
from gasnet3.evaluate.evaluation import Evaluation, evaluate
from gasnet3.evaluate.truth import read_truth
from gasnet3.paper import networks as paper_networks
from gasnet3.paper import results as paper_results
from gasnet3.paper.samples import ClassSample, class_samples
from gasnet3.report.figures import save_figure
from gasnet3.spectra.lattice import OBSERVED, ShiftRange

PARAMETERS = {"STAR": 21, "GALAXY": 18, "QSO": 16}
N_GOOD = 4000


def make_catalog(rows: int = 30) -> tuple[Table, Table]:
    """A catalog right in every class, each class's own redshift off by 1e-4, and its truth."""
    rng = np.random.default_rng(3)
    classes = np.repeat(CLASSES, rows)
    z = np.concatenate([rng.uniform(*limits, rows) for limits in ((0, 1e-3), (0.1, 1), (1, 4))])
    table = Table({"id": [f"row-{i}" for i in range(len(z))], "class": classes, "z": z * 1.0001})
    table["z_err"], table["zwarn"] = 1e-4, 0
    table["sn_median"] = rng.uniform(0.5, 60, len(z))
    table["robustness"] = rng.uniform(0, 5, len(z))
    table["n_good"] = N_GOOD
    table["dof"] = [N_GOOD - PARAMETERS[cls] for cls in classes]
    for cls in CLASSES:
        table[f"z_{cls.lower()}"] = z + 1e-4 * (1 + z)
        table[f"chi2_{cls.lower()}"] = 1.5 * (N_GOOD - PARAMETERS[cls])
        table[f"robustness_{cls.lower()}"] = np.nan if cls == "STAR" else 0.25
        table[f"p_{cls.lower()}"] = (classes == cls).astype(float)
    return table, Table({"id": table["id"], "class": classes, "z": z})


@pytest.fixture
def samples() -> dict[str, ClassSample]:
    catalog, truth = make_catalog()
    return class_samples(catalog, read_truth(truth))


@pytest.fixture
def evaluation() -> Evaluation:
    return evaluate(*make_catalog())


def test_samples_are_of_each_class_by_its_own_model(samples: dict[str, ClassSample]) -> None:
    assert list(samples) == list(CLASSES)
    for cls, sample in samples.items():
        told = sample.summary()
        assert told["n"] == len(sample) == 30
        assert told["delta_z"] == pytest.approx(1e-4)
        assert told["mad"] == pytest.approx(0.0, abs=1e-12)
        assert told["gf"] == 1.0
        assert told["chi2"] == pytest.approx(1.5), f"χ² of {cls} is reduced by its own parameters"
    assert samples["STAR"].summary()["n_robustness"] == 0
    assert np.isnan(samples["STAR"].summary()["robustness"])
    assert np.isnan(samples["STAR"].summary()["log_gf"])
    assert samples["QSO"].summary()["robustness"] == pytest.approx(0.25)


def test_a_spectrum_of_another_class_counts_by_the_model_of_its_own() -> None:
    catalog, truth = make_catalog()
    catalog["class"][:5] = "QSO"
    assert len(class_samples(catalog, read_truth(truth))["STAR"]) == 30


def test_a_part_of_a_sample(samples: dict[str, ClassSample]) -> None:
    sample = samples["QSO"]
    sample.rchi2[0] = 7.0
    part = sample.select(sample.ids == sample.ids[0])
    assert part.cls == "QSO"
    assert part.ids.tolist() == ["row-60"]
    assert part.summary()["chi2"] == 7.0


def test_rows_without_a_label_are_left_out_and_missing_redshifts_are_not() -> None:
    catalog, truth = make_catalog()
    truth["z"][0] = np.nan
    catalog["z_star"][1] = np.nan
    star = class_samples(catalog, read_truth(truth))["STAR"]
    assert len(star) == 29
    assert star.summary()["gf"] == pytest.approx(28 / 29)
    assert np.isinf(star.delta_z).sum() == 1


def test_a_catalog_without_the_columns_is_refused_with_their_names() -> None:
    catalog, truth = make_catalog()
    catalog.remove_column("chi2_qso")
    with pytest.raises(ValueError, match="chi2_qso"):
        class_samples(catalog, read_truth(truth))


def test_redshift_errors_show_every_spectrum_and_the_threshold(
    tmp_path: Path, samples: dict[str, ClassSample]
) -> None:
    samples["QSO"].z[0] = np.nan
    figure = paper_results.plot_redshift_errors({"one": samples, "two": samples})
    path = save_figure(figure, tmp_path / "8.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    panels = figure.axes
    assert [ax.get_title() for ax in panels[:3]] == [f"one: {cls}" for cls in CLASSES]
    for ax, cls in zip(panels, CLASSES, strict=False):
        points = [p for p in ax.collections if len(p.get_offsets())]
        assert sum(len(p.get_offsets()) for p in points) == 30
        low, high = ax.get_ylim()
        assert all((p.get_offsets()[:, 1] > low).all() for p in points)
        assert all((p.get_offsets()[:, 1] < high).all() for p in points)
        assert ax.lines[0].get_ydata()[0] == (3e-3 if cls == "QSO" else 3e-4)
    assert panels[3].get_ylabel()
    assert panels[3].get_xlabel()


def test_confusion_tells_counts_and_shares() -> None:
    matrix = [[8, 2, 0, 0], [0, 10, 0, 0], [0, 0, 5, 0]]
    [panel] = paper_results.plot_confusion({"Encoder": matrix}).axes
    texts = [text.get_text() for text in panel.texts]
    assert len(texts) == 9
    assert texts[0] == "8\n0.800"
    assert "0.9200 of 25" in panel.get_title()


def test_confusion_shows_spectra_without_a_class() -> None:
    matrix = [[8, 0, 0, 2], [0, 10, 0, 0], [0, 0, 5, 0]]
    [panel] = paper_results.plot_confusion({"Encoder": matrix}).axes
    assert [t.get_text() for t in panel.get_xticklabels()] == [*CLASSES, "none"]
    assert "0.9200" in panel.get_title()


def test_distributions_lose_nothing_beyond_their_ends(samples: dict[str, ClassSample]) -> None:
    samples["STAR"].rchi2[:3] = 1e6
    rchi2 = {cls: sample.rchi2 for cls, sample in samples.items()}
    robustness = {cls: [0.0, 1.0, 1e9, np.nan] for cls in CLASSES}
    drawn = [
        paper_results.plot_chi2_distribution({"one": rchi2}),
        paper_results.plot_robustness_distribution({"one": robustness}),
    ]
    for figure in drawn:
        steps = figure.axes[0].patches
        assert len(steps) == 3
        assert [step.get_data().values.sum() for step in steps] == pytest.approx([1.0] * 3)
        assert len({step.get_linestyle() for step in steps}) == 3, "told apart without colour"
    assert "n = 3" in drawn[1].axes[0].get_legend().get_texts()[0].get_text()


def test_a_class_without_any_robustness_is_left_out() -> None:
    values = {"STAR": [np.nan, np.nan], "QSO": [0.1, 0.2]}
    [panel] = paper_results.plot_robustness_distribution({"one": values}).axes
    assert len(panel.patches) == 1


@pytest.mark.parametrize("plot", [paper_results.plot_by_sn, paper_results.plot_by_robustness])
def test_curves_are_those_of_the_evaluation(evaluation: Evaluation, plot) -> None:
    panels = plot({"one": evaluation, "two": evaluation}).axes
    assert len(panels) == 6
    assert all(len(ax.containers) == len(CLASSES) for ax in panels)
    accuracy = panels[4].containers[0].lines[0].get_ydata()
    assert (accuracy == 1.0).all()
    assert panels[4].get_xlabel()
    assert all(ax.get_ylabel() for ax in panels[::2])


def test_completeness_starts_at_all_spectra_and_falls(evaluation: Evaluation) -> None:
    for line in paper_results.plot_by_robustness({"one": evaluation}).axes[0].containers:
        values = line.lines[0].get_ydata()
        assert values[0] == 1.0
        assert (np.diff(values) <= 0).all()


@pytest.mark.parametrize(
    "plot",
    [
        paper_results.plot_redshift_errors,
        paper_results.plot_confusion,
        paper_results.plot_chi2_distribution,
        paper_results.plot_robustness_distribution,
        paper_results.plot_by_sn,
        paper_results.plot_by_robustness,
        paper_networks.plot_losses,
        paper_networks.plot_eigenspectra,
    ],
)
def test_nothing_to_draw_is_refused(plot) -> None:
    with pytest.raises(ValueError, match=r"no .*to draw"):
        plot({})


def test_losses_mark_the_least_of_each_class(tmp_path: Path) -> None:
    history = tmp_path / "encoder.history.csv"
    history.write_text("epoch,train_loss,valid_loss\n1,5,4\n2,3,2.5\n3,2,3\n")
    paths = dict.fromkeys(CLASSES, history)
    panels = paper_networks.plot_losses({"Encoder": paths, "U-Net": paths}).axes
    assert [ax.get_title() for ax in panels] == ["Encoder", "U-Net"]
    told = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert told[:3] == [f"{cls}: least 2.5, epoch 2" for cls in CLASSES]


def test_eigenspectra_have_their_lines_named_without_overlap() -> None:
    rest = ShiftRange.from_z(0.0, 1.5).rest_lattice(OBSERVED)
    values = np.random.default_rng(1).normal(size=rest.n)
    both = {"GALAXY": (rest, values), "QSO": (rest, values)}
    panels = paper_networks.plot_eigenspectra(both).axes
    for ax in panels:
        names = {text.get_text() for text in ax.texts}
        assert "Hβ" in names
        places = sorted(text.get_position()[0] for text in ax.texts)
        assert (np.diff(places) > 0.999 * paper_networks.NAME_STEP).all()
    assert "Å" in panels[-1].get_xlabel()


def test_an_eigenspectrum_must_fit_its_lattice() -> None:
    with pytest.raises(ValueError, match="GALAXY"):
        paper_networks.plot_eigenspectra({"GALAXY": (OBSERVED, np.zeros(7))})


def test_the_typical_eigenspectrum_carries_most_and_stands_upright() -> None:
    rows = np.array([[1.0, -1.0, 1.0], [2.0, 2.0, -2.0]])
    coeff = np.array([[0.1, -3.0], [0.2, -2.0], [0.0, -4.0]])
    assert paper_networks.typical_eigenspectrum(rows, coeff).tolist() == [-2.0, -2.0, 2.0]


def test_equal_curves_lie_side_by_side_and_a_negative_mean_is_seen() -> None:
    catalog, truth = make_catalog()
    catalog["sn_median"] = 10.0
    catalog["robustness"] = -0.5
    robustness, *_ = paper_results.plot_by_sn({"one": evaluate(catalog, truth)}).axes
    points = [line for line in robustness.lines if len(line.get_xdata()) == 1]
    assert len({float(line.get_xdata()[0]) for line in points}) == len(CLASSES)
    assert robustness.get_ylim()[0] <= -0.5
    heights = robustness.transData.transform([(10.0, -0.5)])[:, 1]
    assert np.isfinite(heights).all()


def test_nothing_to_show_is_told() -> None:
    nothing = {"one": {cls: [np.nan, np.nan] for cls in CLASSES}}
    for plot in (paper_results.plot_chi2_distribution, paper_results.plot_robustness_distribution):
        with pytest.raises(ValueError, match="no spectrum has a number"):
            plot(nothing)
    catalog, truth = make_catalog()
    catalog["sn_median"] = np.nan
    with pytest.raises(ValueError, match="no spectrum has the numbers"):
        paper_results.plot_by_sn({"one": evaluate(catalog, truth)})
