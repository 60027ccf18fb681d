"""Partitions of a table of spectra: one schema, and the answers of the pipeline itself."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.flags import ZWarn
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.run.hats import PartitionClassifier
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from toy import save_toys, toy_model, toy_spectra

ROWS = 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_toys(tmp_path_factory.mktemp("models"), ["STAR", "GALAXY"]))


@cache
def spectra() -> Spectra:
    return toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, ROWS))


def frame(**more: Any) -> pd.DataFrame:
    index = pd.Index(np.arange(ROWS) * 10, name="_healpix_29")
    columns = {
        "ra": np.linspace(0, 300, ROWS),
        "z": np.arange(ROWS, dtype=np.float32),
        "field": pd.array(["a", None, "c", "d", "e"], dtype=pd.ArrowDtype(pa.string())),
        "flux": list(spectra().flux),
        "ivar": list(spectra().ivar),
        "loglam": [OBSERVED.loglam] * ROWS,
    }
    return pd.DataFrame({**columns, **more}, index=index)


def test_answers_are_those_of_the_pipeline(models: str) -> None:
    classify = PartitionClassifier(models, n_best=2)
    got = classify(frame(name=[f"s{row}" for row in range(ROWS)]))
    table = Pipeline.load(models).run(spectra(), 2)
    for name in table.colnames:
        data = np.asarray(table[name])
        for part, values in (
            {f"{name}_{i}": one for i, one in enumerate(data.T)} if data.ndim > 1 else {name: data}
        ).items():
            if part != "id":
                np.testing.assert_array_equal(got[part].to_numpy(), values, part)
    assert got["id"].tolist() == [str(10 * row) for row in range(ROWS) for _ in range(2)]
    assert got.index.tolist() == np.repeat(np.arange(ROWS) * 10, 2).tolist()
    assert got.index.name == "_healpix_29"
    assert list(got.columns[-4:]) == ["ra", "z_in", "field", "name"]
    assert got["z_in"].tolist() == np.repeat(np.arange(ROWS), 2).tolist()


@settings(max_examples=15)
@given(start=st.integers(0, ROWS), rows=st.integers(0, ROWS), n_best=st.integers(1, 2))
def test_one_schema_and_one_answer_for_any_partition(
    models: str, start: int, rows: int, n_best: int
) -> None:
    classify = PartitionClassifier(models, "amortised", n_best)
    whole, meta = classify(frame()), classify.meta(frame())
    part = classify(frame().iloc[start : start + rows])
    pd.testing.assert_frame_equal(part.iloc[:0], meta)
    expected = whole.iloc[n_best * start : n_best * (start + rows)]
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


def as_lists(kind: str, given: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """The same spectra in another kind of column, and how the classifier is told."""
    names = ["flux", "ivar", "loglam"]
    fields = {name: f"spectrum.{name}" for name in names}
    rest = given.drop(columns=names)
    arrow = {name: pa.array(given[name]) for name in names}
    if kind == "arrow lists":
        typed = {name: pd.array(a, dtype=pd.ArrowDtype(a.type)) for name, a in arrow.items()}
        return rest.assign(**typed), {}
    if kind == "struct of lists":
        array = pa.StructArray.from_arrays(list(arrow.values()), names)
        return rest.assign(spectrum=pd.array(array, dtype=pd.ArrowDtype(array.type))), fields
    flat = pa.StructArray.from_arrays([a.flatten() for a in arrow.values()], names)
    array = pa.ListArray.from_arrays(arrow["flux"].offsets, flat)
    if kind == "list of structs":
        return rest.assign(spectrum=pd.array(array, dtype=pd.ArrowDtype(array.type))), fields
    nested = pytest.importorskip("nested_pandas")
    rest = nested.NestedFrame(rest)
    spectrum = given[names].explode(names).astype({"flux": "f4", "ivar": "f4", "loglam": "f8"})
    return rest.join_nested(spectrum, "spectrum"), fields


@pytest.mark.parametrize("kind", ["arrow lists", "struct of lists", "list of structs", "nested"])
def test_kinds_of_columns(models: str, kind: str) -> None:
    table, told = as_lists(kind, frame())
    classify = PartitionClassifier(models, "amortised", **told)
    got = classify(table)
    expected = PartitionClassifier(models, "amortised")(frame())
    pd.testing.assert_frame_equal(pd.DataFrame(got), expected, check_exact=True)
    pd.testing.assert_frame_equal(pd.DataFrame(got.iloc[:0]), classify.meta(table))


def test_wavelengths_instead_of_their_logarithms(models: str) -> None:
    table = frame(lam=[OBSERVED.wave] * ROWS, name=["a", "b", "c", "d", None])
    got = PartitionClassifier(models, "amortised", wave="lam", id="name")(table)
    direct = Spectra.from_arrays(spectra().flux, spectra().ivar, OBSERVED.wave)
    expected = Pipeline.load(models, "amortised").run(direct)
    np.testing.assert_array_equal(got["z"].to_numpy(), np.asarray(expected["z"]))
    assert got["id"].tolist() == ["a", "b", "c", "d", ""]
    assert "loglam" in got.columns
    assert "name" not in got.columns


def test_rows_without_usable_lists_are_flagged(models: str) -> None:
    table = frame()
    table["flux"] = [table["flux"].iloc[0], None, np.ones(3), np.empty(0), table["flux"].iloc[4]]
    got = PartitionClassifier(models, "amortised")(table)
    good = PartitionClassifier(models, "amortised")(frame())
    nodata = got["zwarn"].to_numpy() & int(ZWarn.NODATA) != 0
    assert nodata.tolist() == [False, True, True, True, False]
    pd.testing.assert_frame_equal(got[~nodata], good[~nodata], check_exact=True)
    assert got["z"][nodata].isna().all()


def test_missing_columns_are_named(models: str) -> None:
    table = frame()
    for told, message in (
        ({"flux": "counts"}, "no column 'counts' in the table: it has ra, z, field, flux"),
        ({"id": "name"}, "no column 'name'"),
        ({"flux": "ivar.flux"}, "no field 'flux' in the column of 'ivar.flux'"),
    ):
        with pytest.raises(KeyError, match=message):
            PartitionClassifier(models, **told)(table)


def test_threads_of_one_process_do_not_disturb_one_another(models: str) -> None:
    classify = PartitionClassifier(models, "amortised", threads=2)
    before = torch.get_num_threads()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(classify, [frame()] * 8))
    assert torch.get_num_threads() == before
    for answer in answers:
        pd.testing.assert_frame_equal(answer, answers[0], check_exact=True)


def test_it_travels_to_workers(models: str) -> None:
    classify = PartitionClassifier(models, "amortised")
    assert pickle.loads(pickle.dumps(classify)) == classify
    assert len(pickle.dumps(classify)) < 1000


@pytest.mark.filterwarnings("default")  # of LSDB's own calls of newer pandas and Dask
@pytest.mark.parametrize("kind", ["arrow lists", "nested"])
def test_a_hats_catalog(models: str, tmp_path: Path, kind: str) -> None:
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed")
    given, told = as_lists(kind, frame().reset_index(drop=True))
    given = given.assign(dec=np.linspace(-50, 50, ROWS))
    catalog = lsdb.from_dataframe(given, ra_column="ra", dec_column="dec", partition_rows=2)
    catalog.to_hats(tmp_path / "spectra", catalog_name="spectra")
    spectra = lsdb.open_catalog(tmp_path / "spectra", columns="all")
    assert spectra.npartitions > 1
    classify = PartitionClassifier(models, "amortised", **told)
    answer = spectra.map_partitions(classify, meta=classify.meta(spectra.meta))
    answer.to_hats(tmp_path / "answers", catalog_name="answers")
    back = lsdb.open_catalog(tmp_path / "answers", columns="all").compute()
    expected = PartitionClassifier(models, "amortised")(frame()).set_index("ra")
    back = back.set_index("ra").loc[expected.index]
    for name in ("class", "z", "chi2", "zwarn", "coeff_0"):
        np.testing.assert_array_equal(back[name], expected[name])
