"""A pipeline on a GPU once dragged the models of one on the CPU along with it."""

from toy import toy_model


def test_a_model_stays_where_it_is():
    model = toy_model("STAR")
    moved = model.to("meta")
    assert moved.network.eigenspectra.device.type == "meta"
    assert model.network.eigenspectra.device.type == "cpu"
    assert not moved.network.training
