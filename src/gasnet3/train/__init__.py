"""Training of the networks on spectra with known redshift."""

from gasnet3.train.config import ConfigError, TrainConfig, read_config
from gasnet3.train.loop import run_training

__all__ = ["ConfigError", "TrainConfig", "read_config", "run_training"]
