"""--z-range once took no commas, which --classes does, and asked for a class of an odd name."""

import pytest

from gasnet3.pipeline.choices import Choices


def test_commas_divide_ranges():
    joined = Choices.parse((), ["STAR=0:0.001,QSO=0.5:3"])
    assert joined == Choices.parse((), ["STAR=0:0.001", "QSO=0.5:3"])


@pytest.mark.parametrize("text", ["STAR=0:0.001,", "0,8:1", ","])
def test_what_is_no_range_is_told(text):
    with pytest.raises(ValueError, match="is not of the form CLASS=LOW:HIGH"):
        Choices.parse((), [text])
