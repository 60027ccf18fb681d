"""Weights are read, never run: a pickle in their place is refused before it can do anything."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest

from gasnet3.nets.card import ModelError
from gasnet3.nets.model import read_model, save_model
from toy import toy_model


class Payload:
    """Touches a file when it is unpickled, as a malicious checkpoint could do anything."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_in_place_of_weights_is_refused_and_not_run(tmp_path: Path) -> None:
    model = toy_model("STAR")
    card = save_model(model.network, model.card, tmp_path)
    ran = tmp_path / "ran"
    pickled = pickle.dumps(Payload(ran))
    card.with_suffix(".safetensors").write_bytes(pickled)
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"sha256": hashlib.sha256(pickled).hexdigest()}))
    with pytest.raises(ModelError, match=r"\.safetensors"):
        read_model(card)
    assert not ran.exists()
    pickle.loads(pickled)
    assert ran.exists(), "the payload works where pickles are loaded"
