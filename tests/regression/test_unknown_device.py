"""A device that torch does not know once gave torch's own error and not what was promised."""

import pytest

from gasnet3.pipeline.pipeline import Pipeline


@pytest.mark.parametrize("device", ["banana", "cuda:99"])
def test_an_unknown_device_is_a_value_error(device):
    with pytest.raises(ValueError, match=f"device '{device}' cannot be used"):
        Pipeline.load(device=device)
