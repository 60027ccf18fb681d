"""Arrays in nm or log10 Å once gave rows without an answer, and no word of the unit."""

import numpy as np
import pytest
from astropy import units as u

import gasnet3
from gasnet3 import samples
from gasnet3.io import read
from gasnet3.io.inspect.inspecting import inspect_file

SPECTRA = read(samples.paths()[0])
FLUX, IVAR, WAVE = SPECTRA.flux[0], SPECTRA.ivar[0], SPECTRA.lattice.wave


@pytest.mark.parametrize("wave", [WAVE / 10, WAVE / 1e4, np.log10(WAVE)])
def test_another_unit_is_told(wave):
    with pytest.raises(ValueError, match=r"wave goes from .*: give vacuum Å, or loglam="):
        gasnet3.classify(FLUX, IVAR, wave)


def test_a_quantity_knows_its_unit():
    table = gasnet3.classify(FLUX, IVAR, (WAVE * u.AA).to(u.nm), solver="amortised")
    assert np.isfinite(table["z"]).all()


def test_no_inverse_variance_is_told():
    with pytest.raises(ValueError, match=r"ivar is None: .*1 / sigma\*\*2"):
        gasnet3.classify(FLUX, None, WAVE)


def test_options_that_do_nothing_are_not_all_that_is_advised(tmp_path):
    np.savez(tmp_path / "nm.npz", flux=FLUX, ivar=IVAR, wave=WAVE / 10)
    warnings = inspect_file(tmp_path / "nm.npz")[0].warnings
    assert any("are they nm?" in text for text in warnings)
    assert "change nothing" in warnings[-1]
