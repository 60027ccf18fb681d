"""An empty range of redshifts was once told without the file it is in."""

import pytest

from gasnet3.train.config import ConfigError, read_config


@pytest.mark.parametrize(("z_min", "z_max"), [("0.5", "0.1"), ("-1.0", "0.1"), ("0.0", "inf")])
def test_the_file_and_the_range_are_told(tmp_path, z_min, z_max):
    path = tmp_path / "a.toml"
    names = 'name = "x"\ncls = "STAR"\ntrain = ["a.npz"]\nvalid = ["b.npz"]\noutput = "net"\n'
    path.write_text(f"{names}z_min = {z_min}\nz_max = {z_max}\n")
    with pytest.raises(ConfigError, match=r"a\.toml: z_min = .*, z_max = .*: give redshifts"):
        read_config(path)
