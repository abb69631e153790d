"""Files become tables; a file that cannot be read is one sentence."""

import gzip
import hashlib
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from watchkeeper.data import files
from watchkeeper.data.files import file_digest, read_table
from watchkeeper.data.frames import numeric, table_of, times_us
from watchkeeper.domain.errors import DataError

ROWS = pa.table({"ret1": [0.5, None], "venue": ["X", None], "n": [1, 2]})


def write_csv(path):
    path.write_text("ret1,venue,n\n0.5,X,1\n,,2\n")


def write_gzip(path):
    path.write_bytes(gzip.compress(b"ret1,venue,n\n0.5,X,1\n,,2\n"))


def write_stream(path):
    with pa.ipc.new_stream(str(path), ROWS.schema) as sink:
        sink.write_table(ROWS)


def write_lines(path):
    path.write_text('{"ret1": 0.5, "venue": "X", "n": 1}\n{"n": 2}\n')


WRITERS = {
    "rows.csv": write_csv,
    "ROWS.CSV": write_csv,
    "rows.csv.gz": write_gzip,
    "rows.parquet": lambda path: pyarrow.parquet.write_table(ROWS, path),
    "rows.feather": lambda path: pyarrow.feather.write_feather(ROWS, path),
    "rows.arrow": write_stream,
    "rows.jsonl": write_lines,
    "rows.json": write_lines,
}


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_every_format_gives_the_same_table(tmp_path, name, write):
    write(tmp_path / name)
    table = read_table(tmp_path / name)
    assert table.names == ("ret1", "venue", "n")
    np.testing.assert_array_equal(table["ret1"], [0.5, np.nan])
    assert table["venue"].tolist() == ["X", None]
    assert (table["n"].tolist(), table["n"].dtype) == ([1, 2], np.int64)


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_only_the_named_columns_are_read_in_their_order(tmp_path, name, write):
    write(tmp_path / name)
    assert read_table(str(tmp_path / name), columns=["n", "ret1"]).names == ("n", "ret1")
    with pytest.raises(DataError, match=f"{name} has no column 'ret2'; found ret1, venue, n; did you mean 'ret1'"):
        read_table(tmp_path / name, columns=["ret2"])


def test_a_value_deep_in_a_csv_that_is_no_number_is_found(tmp_path):
    path = tmp_path / "late.csv"
    path.write_text("x\n" + "1\n" * 700_000 + "n.a.\n")
    with pytest.raises(DataError, match=r"column 'x' holds text, 'n\.a\.' in row 700001 of 700001; expected numbers"):
        numeric(read_table(path), "x")


def test_times_in_a_csv_are_read_as_utc(tmp_path):
    path = tmp_path / "times.csv"
    path.write_text("zoned,plain\n2008-09-15T16:30:00+02:00,2008-09-15 14:30:00\n")
    table = read_table(path)
    assert times_us(table, "zoned").tolist() == times_us(table, "plain").tolist() == [1_221_489_000_000_000]


def test_a_header_alone_is_a_table_of_no_rows(tmp_path):
    path = tmp_path / "header.csv"
    path.write_text("a,b\n")
    table = read_table(path)
    assert (table.names, len(table)) == (("a", "b"), 0)


BAD_FILES = {
    "empty.csv": (b"", r"empty\.csv is empty \(0 bytes\); expected rows with named columns"),
    "blank.csv": (b"\n", r"blank\.csv cannot be read as \.csv: .*Empty CSV file.*; expected one line of names"),
    "ragged.csv": (b"a,b\n1,2\n3\n", r"ragged\.csv cannot be read as \.csv: .*Expected 2 columns, got 1"),
    "twice.csv": (b"a,a\n1,2\n", r"twice\.csv has two columns .*'a'"),
    "latin.csv": ("name\nMüller\n".encode("latin-1"), r"latin\.csv is not UTF-8 text, in column 'name'; save it"),
    "binary.csv": (b"\xff\xfea,b\n1,2\n", r"binary\.csv cannot be read as \.csv: 'utf-8' codec can't decode"),
    "plain.csv.gz": (b"a,b\n1,2\n", r"plain\.csv\.gz cannot be read as \.csv\.gz: .*; expected gzip over"),
    "text.parquet": (
        b"a,b\n1,2\n" * 9,
        r"text\.parquet cannot be read as \.parquet: .*; expected a complete Parquet file",
    ),
    "text.arrow": (
        b"a,b\n1,2\n",
        r"text\.arrow cannot be read as \.arrow: .*; expected a complete Arrow file or stream",
    ),
    "list.json": (b'[{"a": 1}]', r"list\.json cannot be read as \.json: .*; expected one JSON object a line"),
    "broken.jsonl": (b"{a: 1}\n", r"broken\.jsonl cannot be read as \.jsonl: JSON parse error"),
    "sheet.xlsx": (b"PK", r"sheet\.xlsx has the ending \.xlsx; expected one of \.csv"),
    "rows.parqet": (b"PAR1", r"has the ending \.parqet; .*did you mean '\.parquet'"),
    "rows": (b"a\n1\n", r"rows has no ending; expected one of \.csv"),
}


@pytest.mark.parametrize(("name", "content", "says"), [(n, *case) for n, case in BAD_FILES.items()], ids=BAD_FILES)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_a_file_that_was_cut_short_is_one_sentence(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{name} cannot be read as .*; expected a complete"):
        read_table(path)


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path):
    write_csv(tmp_path / "reference.csv")
    with pytest.raises(DataError, match=r"there is no file .*refrence\.csv; did you mean 'reference\.csv'\?"):
        read_table(tmp_path / "refrence.csv")
    with pytest.raises(DataError, match=r"there is no file .*zzz\.parquet$"):
        read_table(tmp_path / "zzz.parquet")
    for folder in ("nowhere", "reference.csv"):
        with pytest.raises(DataError, match=rf"there is no file .*a\.csv: there is no folder .*{folder}"):
            read_table(tmp_path / folder / "a.csv")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder; expected a file"):
        read_table(tmp_path)


def test_what_the_system_refuses_is_passed_on(tmp_path):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(DataError, match=r"loop\.csv cannot be read: Too many levels of symbolic links"):
        read_table(tmp_path / "loop.csv")
    with pytest.raises(DataError, match="is not a file name: embedded null byte"):
        read_table("a\0.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path):
    path = tmp_path / "secret.csv"
    write_csv(path)
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        read_table(path)


def test_a_file_that_may_not_be_opened_is_told_without_a_word_about_its_format(tmp_path, monkeypatch):
    path = tmp_path / "secret.csv"
    write_csv(path)

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_read", refused)
    with pytest.raises(DataError, match=r"secret\.csv cannot be read: Permission denied; see who may read it"):
        read_table(path)


def test_the_digest_is_sha_256_of_the_bytes(tmp_path):
    path = tmp_path / "rows.bin"
    path.write_bytes(b"watch" * 100_000)
    assert file_digest(path) == hashlib.sha256(b"watch" * 100_000).hexdigest()
    path.write_bytes(b"")
    assert file_digest(path) == hashlib.sha256(b"").hexdigest()
    with pytest.raises(DataError, match="there is no file"):
        file_digest(tmp_path / "none.bin")
    with pytest.raises(DataError, match="/proc/self/mem cannot be read: Input/output error"):
        file_digest("/proc/self/mem")


def test_a_table_that_was_read_can_be_given_kinds_afterwards(tmp_path):
    write_csv(tmp_path / "rows.csv")
    table = table_of(read_table(tmp_path / "rows.csv"), categories=["venue"])
    assert table["venue"].labels == ("X",)


def test_importing_the_reader_loads_no_arrow():
    program = "import sys, watchkeeper.data.files; print('pyarrow' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
