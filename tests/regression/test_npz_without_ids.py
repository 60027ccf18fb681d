"""Spectra of an .npz without ids were numbered anew in every batch: many of one id in a catalog."""

from pathlib import Path

import numpy as np

from gasnet3.io import read_file, read_rows


def test_names_do_not_depend_on_which_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "night.npz"
    flux = np.ones((5, 50))
    np.savez(path, flux=flux, ivar=flux, wave=np.linspace(4000, 5000, 50))
    whole = read_file(path).ids.tolist()
    assert whole == [f"night:{row}" for row in range(5)]
    assert read_rows(path, 3, 5).ids.tolist() == whole[3:]


def test_a_lone_spectrum_is_called_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    flux = np.ones(50)
    np.savez(path, flux=flux, ivar=flux, wave=np.linspace(4000, 5000, 50))
    assert read_file(path).ids.tolist() == ["one"]
