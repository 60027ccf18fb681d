"""gasnet3 view: text for redshifts was a server error, judgements without an id were lost."""

from pathlib import Path

import pytest

from gasnet3.catalog import CatalogError
from gasnet3.evaluate.judgements import JudgementError, JudgementFile
from gasnet3.view.judging import Judging
from gasnet3.view.listing import Listing
from inspected import catalog


@pytest.mark.parametrize("row", ["a,QSO,x,0", "a,QSO,1.0,SKY"])
def test_text_in_place_of_numbers_is_told(tmp_path: Path, row: str) -> None:
    path = tmp_path / "all.csv"
    path.write_text(f"id,class,z,zwarn\n{row}\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"all\.csv: column z(warn)? holds no numbers, but"):
        Listing.read(path)


def test_a_spectrum_without_an_id_cannot_be_judged(tmp_path: Path) -> None:
    file = JudgementFile(tmp_path / "mine.csv", "anna")
    judging = Judging(file, Listing(catalog(1)[0]))
    with pytest.raises(JudgementError, match="here is none"):
        judging.save({"id": "", "quality": 4})
    assert not file.path.exists()
