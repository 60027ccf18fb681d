"""Files of no particular survey: arrays with names and units, and what they stand for."""
