"""What a user says about files: parsed, kept, and passed to the readers that ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.io import ReadOptions, count_rows, read, read_rows, registry
from gasnet3.io.options import DEFAULT, ROLES
from gasnet3.io.reader import Reader
from gasnet3.spectra.batch import Spectra


@dataclass(frozen=True)
class _Asking:
    """A reader that shows what it was told."""

    options: ReadOptions = DEFAULT
    name: str = "asking"

    def matches(self, path: Path, head: bytes) -> bool:
        return head.startswith(b"ask")

    def configured(self, options: ReadOptions) -> Reader:
        return _Asking(options)

    def read(self, path: Path) -> Spectra:
        names = dict(self.options.columns)
        return Spectra.from_arrays(
            np.ones((2, 5)),
            np.ones((2, 5)),
            np.arange(5) + 5000.0,
            ids=[names.get("id", "nothing"), str(self.options.air)],
        )


def test_texts_become_options() -> None:
    options = ReadOptions.parse(True, ["wave=LAMBDA", "flux = a=b"], ["wave=nm"])
    assert options == ReadOptions(
        air=True, columns=(("wave", "LAMBDA"), ("flux", "a=b")), units=(("wave", "nm"),)
    )


@pytest.mark.parametrize("text", ["wave", "wave=", "=LAMBDA", ""])
def test_texts_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ROLE=COLUMN"):
        ReadOptions.parse(columns=[text])


def test_unknown_and_repeated_roles_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no unit can be given for 'colour'.*wave"):
        ReadOptions.parse(units=["colour=red"])
    with pytest.raises(ValueError, match="twice"):
        ReadOptions.parse(columns=["wave=a", "wave=b"])


texts = st.dictionaries(st.sampled_from(ROLES), st.text(min_size=1)).map(
    lambda pairs: tuple(pairs.items())
)


@given(st.sampled_from([None, True, False]), texts, texts)
def test_options_come_back_from_json(
    air: bool | None, columns: tuple[tuple[str, str], ...], units: tuple[tuple[str, str], ...]
) -> None:
    options = ReadOptions(air, columns, units)
    assert ReadOptions.from_json(options.to_json()) == options


def test_readers_that_ask_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "READERS", [_Asking(), *registry.READERS])
    path = tmp_path / "file"
    path.write_text("ask me")
    assert list(read(path).ids) == ["nothing", "None"]
    told = ReadOptions(air=True, columns=(("id", "mine"),))
    assert list(read(path, told).ids) == ["mine", "True"]
    # The file is kept after it was read, but not for other options.
    assert list(read_rows(path, 0, 1).ids) == ["nothing"]
    assert list(read_rows(path, 0, 1, options=told).ids) == ["mine"]
    assert count_rows(path, options=told) == 2
