"""Running the pipeline over arrays and files."""
