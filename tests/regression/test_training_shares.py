"""Under torchrun a process could once have a batch less than the others, which waited forever."""

import pytest
import torch

from gasnet3.train.loop import _share


@pytest.mark.parametrize("rows", [1, 3, 128, 129])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_every_process_has_as_many_rows_and_none_is_lost(rows, ranks):
    order = torch.randperm(rows)
    shares = [_share(order, rank, ranks) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert set(torch.cat(shares).tolist()) == set(range(rows))
    assert sum(map(len, shares)) < rows + ranks
