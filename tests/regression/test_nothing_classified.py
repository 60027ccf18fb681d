"""Files without any spectrum once gave tables without rows, and no hint where to look."""

from typer.testing import CliRunner

from gasnet3.cli import app


def test_no_empty_tables(tmp_path):
    (tmp_path / "words.csv").write_text("name,remark\na,b\n")
    call = ["classify", str(tmp_path / "words.csv"), "-o", str(tmp_path / "a.csv")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 1
    assert "First" not in done.output
    assert "gasnet3 inspect tells more" in done.output
