"""Judgements are saved at once, and nothing that anyone wrote is lost."""

from __future__ import annotations

import csv
import dataclasses
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.evaluate import judgements as module
from gasnet3.evaluate.judgements import (
    Judgement,
    JudgementError,
    JudgementFile,
    read_judgements,
    write_judgements,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
drawn = st.builds(
    Judgement,
    id=texts.filter(bool),
    scanner=texts.map(str.strip),
    quality=st.none() | st.integers(0, 4),
    cls=st.sampled_from(["", "STAR", "GALAXY", "QSO"]),
    z=st.none() | st.floats(-0.99, 10),
    issue=texts,
    comment=texts | texts.map("=cmd|' /C calc'!A0{}".format) | texts.map("'@{}".format),
    time=st.sampled_from(["", "2026-01-02T03:04:05Z"]),
)


@settings(max_examples=25)
@given(st.lists(drawn, min_size=1, max_size=5))
def test_any_judgement_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, judgements: list[Judgement]
) -> None:
    path = tmp_path_factory.mktemp("judgements") / "mine.csv"
    write_judgements(judgements, path)
    assert read_judgements(path) == judgements


@settings(max_examples=25)
@given(drawn)
def test_no_cell_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, judgement: Judgement
) -> None:
    path = tmp_path_factory.mktemp("judgements") / "mine.csv"
    write_judgements([judgement], path)
    with path.open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))[1]
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
            float(cell)  # a number is none


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["anna", "ben"]), drawn), max_size=8))
def test_a_file_remembers_as_a_dictionary_does(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, Judgement]]
) -> None:
    path = tmp_path_factory.mktemp("judgements") / "both.csv"
    known: dict[str, dict[str, Judgement]] = {"anna": {}, "ben": {}}
    for who, judgement in said:
        own = dataclasses.replace(judgement, scanner=who)
        known[who][own.id] = JudgementFile(path, who).record(own)
    assert all(JudgementFile(path, who).latest() == known[who] for who in known)


def test_what_is_recorded_is_found_again(tmp_path: Path) -> None:
    file = JudgementFile(tmp_path / "mine.csv", "anna")
    assert file.latest() == {}
    saved = file.record(Judgement("a", quality=4, cls="QSO", z=1.2345678901234567, comment="é"))
    assert (saved.scanner, saved.time[:2], saved.time[-6:]) == ("anna", "20", "+00:00")
    assert JudgementFile(tmp_path / "mine.csv", "anna").latest() == {"a": saved}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv"]


def test_the_columns_are_those_of_prospect(tmp_path: Path) -> None:
    JudgementFile(tmp_path / "mine.csv", "anna").record(Judgement("a", time="t"))
    assert (tmp_path / "mine.csv").read_text() == (
        "id,VI_SCANNER,VI_QUALITY,VI_CLASS,VI_Z,VI_ISSUE,VI_COMMENT,VI_TIME\na,anna,,,,,,t\n"
    )


def test_a_change_of_mind_replaces_only_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    anna, ben = JudgementFile(path, "anna"), JudgementFile(path, "ben")
    for file, name, quality in [(anna, "a", 1), (ben, "a", 2), (anna, "b", 3), (anna, "a", 4)]:
        file.record(Judgement(name, quality=quality))
    told = [(row.id, row.scanner, row.quality) for row in read_judgements(path)]
    assert told == [("a", "anna", 4), ("a", "ben", 2), ("b", "anna", 3)]
    assert {name: row.quality for name, row in ben.latest().items()} == {"a": 2}


def test_the_later_word_counts_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,VI_SCANNER,VI_QUALITY,VI_TIME\n"
        "a,x,4,2026-01-02T00:00:00Z\na,x,1,2026-01-01T23:00:00-02:00\na,x,0,2026-01-02\n"
        "a,x,2,yesterday\n"
    )
    assert JudgementFile(path, "x").latest()["a"].quality == 1


def test_files_of_people_are_read(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_bytes(
        "\ufeffVI_comment;MAG;vi_quality;TARGETID;VI_Z;VI_spectype\r\n"
        '"one; two";17,5;4.0;0007;0,25;galaxy\r\n\r\n;;-1;8;;\r\n'.encode()
    )
    first, second = read_judgements(path)
    assert (first.id, first.comment, first.quality) == ("0007", "one; two", 4)
    assert (first.z, first.cls, first.scanner) == (0.25, "GALAXY", "")
    assert second == Judgement("8")


def test_what_people_added_to_a_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_bytes(b"\xef\xbb\xbfMAG;id;VI_QUALITY;VI_SCANNER\n17,5;a;nonsense;ben\n18;b;1;me\n")
    file = JudgementFile(path, "me")  # the bad row is another's: reading and saving go on
    assert list(file.latest()) == ["b"]
    file.record(Judgement("b", quality=3, time="t"))
    assert path.read_bytes().decode() == (
        "\ufeffMAG;id;VI_QUALITY;VI_SCANNER;VI_CLASS;VI_Z;VI_ISSUE;VI_COMMENT;VI_TIME\n"
        "17,5;a;nonsense;ben;;;;;\n18;b;3;me;;;;;t\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,VI_QUALITY\na,1\nb,7\n", r"line 3: VI_QUALITY is '7': write a whole number"),
        ("id,VI_QUALITY\na,good\n", r"line 2: VI_QUALITY is 'good'"),
        ('id,VI_COMMENT,VI_Z\na,"two\nlines",0.1\nb,,high\n', r"line 4: VI_Z is 'high'"),
        ("id,VI_Z\na,-3\n", r"line 2: VI_Z is -3.0: it is a number above -1"),
        ("id,VI_CLASS\na,cow\n", r"line 2: VI_CLASS is 'COW': it is one of STAR"),
        ("id,VI_COMMENT\n,x\n", r"line 2: id is empty"),
        ("id,VI_COMMENT\na,one, two\n", r"line 2: has 3 cells, the header 2"),
        ('id,VI_COMMENT\na,"open\n', r"line 2: unexpected end of data; look at the quotes"),
        ("id,VI_Z,VI_Z\na,1,2\n", r"column VI_Z is there 2 times"),
        ("name,z\na,1\n", r"is no file of judgements: it has name, z, but needs id"),
        ("id,z\na,1\n", r"is no file of judgements"),
        ("", r"is no file of judgements: it has no columns"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(content)
    with pytest.raises(JudgementError, match=message) as error:
        read_judgements(path)
    assert str(path) in str(error.value)


def test_ones_own_bad_row_is_told_when_the_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,VI_QUALITY,VI_SCANNER\na,7,me\n")
    with pytest.raises(JudgementError, match="line 2: VI_QUALITY is '7'"):
        JudgementFile(path, "me")


def test_other_encodings_are_told(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_bytes("id,VI_COMMENT\na,größer\n".encode("latin-1"))
    with pytest.raises(JudgementError, match="is not UTF-8 text"):
        read_judgements(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": ""}, "id is empty"),
        ({"quality": 5}, "VI_QUALITY is 5"),
        ({"cls": "galaxy"}, "VI_CLASS is 'galaxy'"),
        ({"z": float("nan")}, "VI_Z is nan"),
        ({"comment": "x" * 10_001}, "VI_COMMENT is longer"),
    ],
)
def test_a_judgement_makes_sense(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Judgement(**{"id": "a", **wrong})  # type: ignore[arg-type]


def test_a_protected_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    file = JudgementFile(path, "anna")
    file.record(Judgement("a", quality=4))
    path.chmod(0o444)
    before = path.read_bytes()
    with pytest.raises(JudgementError, match="write-protected"):
        file.record(Judgement("a", quality=0))
    with pytest.raises(JudgementError, match="write-protected"):
        JudgementFile(path, "anna")
    assert path.read_bytes() == before


def test_a_link_stays_a_link_and_rights_stay(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("id,VI_Z\n")
    (tmp_path / "real.csv").chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    JudgementFile(link, "anna").record(Judgement("a", z=0.5))
    assert link.is_symlink()
    assert (tmp_path / "real.csv").stat().st_mode & 0o777 == 0o640
    assert read_judgements(tmp_path / "real.csv")[0].z == 0.5


@pytest.mark.parametrize(
    ("name", "scanner", "message"),
    [
        ("mine.csv", " ", "who judges"),
        ("mine.txt", "a", "name a file in .csv"),
        ("none/mine.csv", "a", "there is no directory"),
        ("dir.csv", "a", "is no file"),
    ],
)
def test_what_cannot_be_a_file_is_told_at_once(
    tmp_path: Path, name: str, scanner: str, message: str
) -> None:
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(JudgementError, match=message):
        JudgementFile(tmp_path / name, scanner)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    file = JudgementFile(path, "anna")
    file.record(Judgement("a", quality=4))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(JudgementError, match=r"not saved, .*; the file is as it was"):
            file.record(Judgement("b", comment="x" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".csv"] == ["mine.csv"]


def test_who_holds_the_file_too_long_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    file = JudgementFile(tmp_path / "mine.csv", "anna")
    with (
        module.locked(tmp_path / ".mine.csv.lock", "x"),
        pytest.raises(JudgementError, match=f"not saved: .*process {os.getpid()}"),
    ):
        file.record(Judgement("a"))
    file.record(Judgement("a"))
    assert list(file.latest()) == ["a"]


WRITER = """
import sys
from gasnet3.evaluate.judgements import Judgement, JudgementFile
file = JudgementFile(sys.argv[1], sys.argv[2])
for i in range(25):
    file.record(Judgement(f"{i}", quality=i % 5))
"""


def test_programs_that_write_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    people = ("anna", "ben", "cleo")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, who]) for who in people]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = {(row.scanner, row.id): row.quality for row in read_judgements(path)}
    assert found == {(who, f"{i}"): i % 5 for who in people for i in range(25)}


def test_a_killed_program_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    endless = WRITER.replace("range(25)", "range(10**6)").replace("    file", "    print();file")
    writer = subprocess.Popen(
        [sys.executable, "-u", "-c", endless, path, "anna"], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    with writer, writer.stdout as said:
        for _ in range(10):
            said.readline()
        writer.kill()
    rows = read_judgements(path)
    assert [row.id for row in rows] == [f"{i}" for i in range(len(rows))]
    assert len(rows) >= 9
    JudgementFile(path, "anna").record(Judgement("more"))


def test_what_is_withdrawn_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,VI_SCANNER,VI_QUALITY,MAG\na,ben,3,\na,me,2,\nb,me,1,17\n")
    file = JudgementFile(path, "me")
    for name in ("a", "b", "c"):
        file.withdraw(name)
    assert path.read_text() == "id,VI_SCANNER,VI_QUALITY,MAG\na,ben,3,\nb,me,,17\n"
    assert not file.latest()["b"].says


def test_a_file_without_names_has_nothing_of_mine(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("id,VI_QUALITY\na,3\n")
    JudgementFile(path, "me").withdraw("a")
    assert path.read_text() == "id,VI_QUALITY\na,3\n"
