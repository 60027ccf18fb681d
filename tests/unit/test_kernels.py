"""The loops in C, against what torch does in their place; and how they come to be."""

import ctypes
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.kernels import build, library
from gasnet3.kernels.library import HERE
from gasnet3.solve import slide
from gasnet3.solve.splines import spline_coefficients
from gasnet3.spectra.lattice import ShiftRange

needs_c = pytest.mark.skipif(library.library().loaded is None, reason=library.library().about)


@needs_c
@settings(max_examples=40)
@given(st.integers(5, 1200), st.integers(0, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_slide_finds_what_torch_finds(n, shifts, fits, seed):
    rng = np.random.default_rng(seed)
    covered = ShiftRange(0, shifts)
    rest = torch.from_numpy(rng.normal(size=(3, n + shifts)))
    models = slide.FixedModels(spline_coefficients(rest), covered, n)
    flux = torch.from_numpy(rng.normal(size=(3, n))).float()
    ivar = torch.from_numpy(rng.uniform(0, 2, (3, n))).float() * (flux > -1)
    rows = torch.from_numpy(rng.integers(0, 3, fits))
    place = models.place(torch.from_numpy(rng.uniform(-2, shifts + 2, fits)))
    both = [
        found(models, flux, ivar, rows, place, (place + 2).clamp(max=shifts + 3.0))
        for found in (slide._found_in_c, slide._found)
    ]
    (ours, chi2, bend), (theirs, there, bent) = both
    scale = (flux.double() ** 2 * ivar).sum(1)[rows] + 1e-9
    # Of two minima as low as each other either may be found.
    np.testing.assert_allclose(chi2 / scale, there / scale, atol=1e-9)
    same = abs(ours - theirs) < 0.1
    np.testing.assert_allclose(ours[same], theirs[same], atol=1e-6)
    np.testing.assert_allclose(bend[same], bent[same], rtol=1e-5, atol=1e-9)


def test_every_processor_has_a_variant():
    made = build.build(HERE)
    assert build.PLAIN in made
    loaded = ctypes.CDLL(str(made[build.PLAIN]))
    assert loaded.has_avx2() in (0, 1)


def test_a_changed_text_is_compiled_anew(tmp_path):
    shutil.copy(HERE / "processor.c", tmp_path)
    before = build.build(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in before.values()}
    assert build.build(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in before.values()} == times
    with (tmp_path / "processor.c").open("a") as stream:
        stream.write("/* more */\n")
    after = build.build(tmp_path)
    assert not set(before.values()) & set(after.values())
    assert set(tmp_path.glob("_*")) == set(after.values())


def test_what_is_in_the_way_is_told(tmp_path, monkeypatch):
    (tmp_path / "one.c").write_text("int has_avx2(void) { return 0 }\n")
    with pytest.raises(build.BuildError, match=r"^cc failed: one\.c"):
        build.build(tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler -m64")
    with pytest.raises(build.BuildError, match="no C compiler: there is no no-such-compiler"):
        build.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["one.c"]


def test_without_a_compiler_torch_does_it(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "HERE", tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    library.library.cache_clear()
    try:
        assert not library.compiled(np.zeros(3))
        assert "no C compiler" in library.library().about
    finally:
        library.library.cache_clear()
