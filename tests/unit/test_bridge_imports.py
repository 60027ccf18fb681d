"""Bridges are crossed only when they are needed."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_bridges_loads_none_of_the_packages() -> None:
    code = (
        "import sys, gasnet3.bridges, gasnet3.bridges.redrock\n"
        "heavy = {'torch', 'specutils', 'pandas', 'xarray', 'h5py'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
