"""``python -m gasnet3``, for torchrun and for machines where scripts are not on the PATH."""

from gasnet3.cli import app

if __name__ == "__main__":
    app(prog_name="gasnet3")
