"""Text in quotes with the delimiter in it was once taken apart, and the names of columns lost."""

import numpy as np
import pytest

from gasnet3 import io, samples


@pytest.mark.parametrize(("mark", "name"), [(",", "Smith, J"), (";", "a;b"), (",", "a; b")])
def test_a_delimiter_in_quotes_divides_nothing(tmp_path, mark, name):
    spectrum = io.read(samples.paths()[0])
    seen = spectrum.ivar[0] > 0
    wave, flux = spectrum.lattice.wave[seen], spectrum.flux[0][seen]
    error = spectrum.ivar[0][seen] ** -0.5
    for file, text in (("quoted.csv", f'"{name}"'), ("plain.csv", "Smith")):
        rows = zip(wave, flux, error, strict=True)
        lines = [mark.join((*map(repr, map(float, row)), text)) for row in rows]
        head = mark.join(("wavelength", "flux", "error", "object"))
        (tmp_path / file).write_text("\n".join((head, *lines)) + "\n")
    quoted, plain = (io.read(tmp_path / file) for file in ("quoted.csv", "plain.csv"))
    np.testing.assert_array_equal(quoted.flux, plain.flux)
    np.testing.assert_array_equal(quoted.ivar, plain.ivar)
