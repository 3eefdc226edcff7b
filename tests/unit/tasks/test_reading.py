"""One table, written in every way that sites write tables, is the same table."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from peerd.errors import TaskError
from peerd.tasks import dialect
from peerd.tasks.encoding import encode_file
from peerd.tasks.examination import Selection, derive_schema, examine
from peerd.tasks.numerals import parse
from peerd.tasks.reading import read_table
from peerd.tasks.schema import MAX_COLUMNS, Schema
from protocols.hashing import digest

DRAW = random.Random(4)
HEADER = ["alter", "größe", "befund, kurz", "y"]
ROWS = [
    [
        str(DRAW.randint(20, 90)),
        f"{DRAW.gauss(1500, 900):.3f}",
        DRAW.choice(["grün", 'say "hé"', "two\nlines", "a;b|c\td"]),
        DRAW.choice(["no", "none"]),
    ]
    for _ in range(300)
]


def text(delimiter: str = ",", mark: str = ".", end: str = "\r\n") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(HEADER)
    writer.writerows([a, b.replace(".", mark), c, y] for a, b, c, y in ROWS)
    return out.getvalue()


FORMS = {
    "comma": text().encode(),
    "semicolon": text(";").encode(),
    "tab": text("\t").encode(),
    "bar": text("|").encode(),
    "line feeds": text(end="\n").encode(),
    "decimal comma": text(";", ",").encode(),
    "decimal comma in quotes": text(",", ",").encode(),
    "sep=;": b"sep=;\r\n" + text(";", ",").encode(),
    "sep=tab and a mark": b"\xef\xbb\xbfsep=\t\n" + text("\t").encode(),
    "utf-8 with mark": text().encode("utf-8-sig"),
    "utf-16": text(";", ",").encode("utf-16"),
    "utf-16 big": "\ufeff".encode("utf-16-be") + text().encode("utf-16-be"),
    "utf-16 without a mark": text("\t").encode("utf-16-le"),
    "latin-1": text(";", ",").encode("latin-1"),
    "gz": gzip.compress(text().encode()),
    "gz of utf-16 with sep": gzip.compress(("sep=;\n" + text(";", ",")).encode("utf-16")),
    "blank lines": text().replace("\r\n", "\r\n\r\n", 1).encode() + b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schema, list[bytes]]:
    path = tmp_path_factory.mktemp("founder") / "t.csv"
    path.write_bytes(FORMS["comma"])
    schema = Schema.from_options(derive_schema(path, "y", Selection(keep=["befund, kurz"]))[0])
    return schema, [each.tobytes() for each in encode_file(schema, path)]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_site_may_write_its_table_as_it_likes(
    form: str, founded: tuple[Schema, list[bytes]], tmp_path: Path
) -> None:
    """Inputs, classes, and which rows are held out: bit for bit."""
    (tmp_path / "t").write_bytes(FORMS[form])
    schema, expected = founded
    assert [each.tobytes() for each in encode_file(schema, tmp_path / "t")] == expected
    again = derive_schema(tmp_path / "t", "y", Selection(keep=["befund, kurz"]))[0]
    assert again == schema.to_options()


def test_a_parquet_file_with_its_own_types(
    founded: tuple[Schema, list[bytes]], tmp_path: Path
) -> None:
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    arrays = [pa.array(map(int, columns[0])), pa.array(map(float, columns[1])), *columns[2:]]
    pa.parquet.write_table(pa.table(arrays, names=HEADER), tmp_path / "t.parquet")
    inputs, targets, _ = encode_file(founded[0], tmp_path / "t.parquet")
    assert [inputs.tobytes(), targets.tobytes()] == founded[1][:2]


@pytest.mark.parametrize(
    ("cells", "says"),
    [([[1, 2]] * 40, "lists or records"), ([b"\xff\x00"] * 40, "bytes that are no text")],
)
def test_a_parquet_file_is_read_without_the_column_that_is_no_text(
    cells: list[object], says: str, tmp_path: Path
) -> None:
    arrays = [pa.array(range(40)), pa.array(cells), pa.array(["no", "yes"] * 20)]
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.table(arrays, names=["a", "odd", "y"]), path)
    selection = Selection(keep=["a"])
    with pytest.raises(TaskError, match=f"column 'odd' holds {says}"):
        derive_schema(path, "y", selection)
    schema, _ = derive_schema(path, "y", Selection(keep=["a"], drop=["odd"]))
    assert [each["name"] for each in schema["columns"]] == ["a"]


def test_two_columns_of_a_parquet_file_with_one_name_are_named(tmp_path: Path) -> None:
    arrays = [pa.array([1.5]), pa.array([2.5]), pa.array(["no"])]
    pa.parquet.write_table(pa.table(arrays, names=["a", "a", "y"]), tmp_path / "t.parquet")
    with pytest.raises(TaskError, match="two columns are named 'a'"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x00\x01\x02" * 400, "no text"),
        (b"PAR1" + b"x" * 100, "Parquet file that can't be read"),
        (gzip.compress(text().encode())[:-400], "cut off or damaged"),
        (b"a,y\n\x81\x8d,1\n", "is not cp1252 text"),
        (b"\xef\xbb\xbfa,y\n\xff,1\n", "is not utf-8-sig text"),
        (b"a,y\n" + b"1,2\n" * 300_000 + b"J\xf6hn,Secret,2\n", "row 300002: 3 fields"),
        (b"sep=x\na,y\n", "delimiter 'x' is none of"),
        (b'a,y\n1,no\n2,"yes\n3,no\n', "row 3: a quote is opened and never closed"),
        (b"a,y", "a header and no rows"),
        (b"\xef\xbb\xbf  \n", "is empty"),
        (b"secret-name,y\nJohn Secret,1,2\n", "row 2: 3 fields where the header has 2"),
    ],
)
def test_a_file_that_is_no_table_is_one_line_without_its_cells(
    data: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / "t").write_bytes(data)
    with pytest.raises(TaskError) as caught:
        read_table(tmp_path / "t")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value) and "Secret" not in str(caught.value)


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "MAX_FILE_BYTES", 10_000)
    (tmp_path / "t").write_bytes(gzip.compress(b"a,y\n" + b"1,2\n" * 10_000))
    with pytest.raises(TaskError, match="more than 10000 bytes"):
        read_table(tmp_path / "t")


@pytest.mark.parametrize("columns", [1500, MAX_COLUMNS, MAX_COLUMNS + 1])
def test_wide_tables_up_to_the_bound(columns: int, tmp_path: Path) -> None:
    names = [f"gene{index}" for index in range(columns - 1)]
    lines = [",".join([*names, "y"])]
    lines += [",".join([f"{row}.5"] * (columns - 1) + ["ab"[row % 2]]) for row in range(24)]
    (tmp_path / "t").write_text("\n".join(lines) + "\n")
    if columns > MAX_COLUMNS:
        with pytest.raises(TaskError, match=f"{columns} columns; at most {MAX_COLUMNS}"):
            read_table(tmp_path / "t")
    elif columns == MAX_COLUMNS:
        assert len(read_table(tmp_path / "t").columns) == columns
    else:
        schema, _ = derive_schema(tmp_path / "t", "y")
        assert len(schema["columns"]) == columns - 1


def test_a_schema_beyond_a_genesis_is_refused_by_what_to_do(tmp_path: Path) -> None:
    names = [f"{'long' * 250}{index}" for index in range(1000)]
    rows = [",".join([f"{row}.5"] * 1000 + ["ab"[row % 2]]) for row in range(24)]
    (tmp_path / "t").write_text("\n".join([",".join([*names, "y"]), *rows]) + "\n")
    with pytest.raises(TaskError, match=r"a genesis takes 1000000: .* --columns or --drop"):
        derive_schema(tmp_path / "t", "y")


NAN = float("nan")
NUMBERS = [
    # as written, where the decimal mark is a point, where it is a comma
    ("12", 12, 12), ("-3", -3, -3), ("+4", 4, 4), ("−5", -5, -5), ("1e3", 1000, 1000),
    ("1.5", 1.5, 1.5), ("1,5", 1.5, 1.5), ("0.125", 0.125, 0.125), ("0,125", 0.125, 0.125),
    ("1.234", 1.234, 1234), ("1,234", 1234, 1.234), ("1.234,5", 1234.5, 1234.5),
    ("1,234.5", 1234.5, 1234.5), ("1.234.567", NAN, 1234567), ("1,234,567", 1234567, NAN),
    ("1 234", 1234, 1234), ("1\xa0234,5", 1234.5, 1234.5), ("1'234.5", 1234.5, 1234.5),
    ("12 %", 12, 12), ("12,5%", 12.5, 12.5), (".5", 0.5, 0.5), ("5.", 5, NAN),
    ("9" * 200, 1e200, 1e200), ("9" * 400, NAN, NAN), ("1e999", NAN, NAN),
    ("", NAN, NAN), ("<0.5", NAN, NAN), (">100", NAN, NAN), ("inf", NAN, NAN), ("nan", NAN, NAN),
    ("0x10", NAN, NAN), ("1_000", NAN, NAN), ("1.2.3", NAN, NAN), ("01.02.2020", NAN, NAN),
    ("12 34", NAN, NAN), ("1,2,3", NAN, NAN), ("abc", NAN, NAN), ("--1", NAN, NAN),
]  # fmt: skip


@pytest.mark.parametrize(("mark", "column"), [(".", 1), (",", 2)])
def test_numbers_as_people_write_them(mark: str, column: int) -> None:
    found = parse(pa.array([each[0] for each in NUMBERS]), mark)
    expected = np.array([each[column] for each in NUMBERS], dtype=np.float64)
    wrong = ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
    assert [NUMBERS[at][0] for at in np.flatnonzero(wrong)] == []


def test_floats_are_what_python_reads() -> None:
    draw = random.Random(1)
    texts = [repr(draw.gauss(0, 1) * 10.0 ** draw.randint(-200, 200)) for _ in range(5000)]
    assert parse(pa.array(texts), ".").tolist() == [float(each) for each in texts]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.06, 0.5])
@pytest.mark.parametrize("odd", ["<0.5", "n.b.", "Meier"])
def test_a_few_odd_cells_are_missing_and_said(share: float, odd: str, tmp_path: Path) -> None:
    count = round(share * 200)
    cells = [odd] * count + [f"{row / 7:.2f}" for row in range(200 - count)]
    lines = [f"{cell},{row % 2}" for row, cell in enumerate(cells)]
    (tmp_path / "t").write_text("\n".join(["crp,y", *lines]) + "\n")
    report, _ = examine(tmp_path / "t", "y", Selection())
    (line,) = report.columns
    assert line.type == ("number" if share <= 0.05 else "category")
    if line.type == "number":
        assert line.missing == count and f"{count} of 200 cells" in line.why
        assert any("crp" in warning for warning in report.warnings)
    assert ("<0.5" in line.why) == (odd == "<0.5")
    assert "Meier" not in str(report.document())


@pytest.mark.parametrize(("rows", "number"), [(8, False), (10, True), (15, True)])
def test_one_odd_cell_of_a_short_column_is_few(rows: int, number: bool, tmp_path: Path) -> None:
    lines = ["<0.5,a", *(f"{row / 7:.2f},b" for row in range(rows - 1))]
    (tmp_path / "t").write_text("\n".join(["crp,y", *lines]) + "\n")
    report, _ = examine(tmp_path / "t", "y", Selection(min_rows=1))
    assert report.columns[0].type == ("number" if number else "category")


@pytest.mark.parametrize("digits", [20, 100, 200])
def test_long_whole_numbers_are_identifiers_and_can_be_kept(digits: int, tmp_path: Path) -> None:
    lines = [f"{row + 1}{'7' * digits},{row / 3:.2f},{row % 2}" for row in range(40)]
    (tmp_path / "t").write_text("\n".join(["n,x,y", *lines]) + "\n")
    assert examine(tmp_path / "t", "y", Selection())[0].columns[0].identifier
    schema = Schema.from_options(derive_schema(tmp_path / "t", "y", Selection(keep=["n"]))[0])
    inputs, _, _ = encode_file(schema, tmp_path / "t")
    assert np.abs(inputs[:, 0]).max() < 3 and not inputs[:, 1].any()


def test_the_held_out_rows_are_those_of_the_hash(tmp_path: Path) -> None:
    rows = [(str(row), "aé"[row % 2] * (row % 5), "ny"[row % 2]) for row in range(500)]
    (tmp_path / "t").write_text("\n".join(["n,c,y", *(",".join(row) for row in rows)]) + "\n")
    options = {
        "label": "y",
        "classes": ["n", "y"],
        "columns": [
            {"name": "n", "mean": "0.0", "scale": "1.0"},
            {"name": "c", "values": ["a"], "buckets": 3},
        ],
        "delimiter": ",",  # as older ones have it
    }
    _, _, held = encode_file(Schema.from_options(options), tmp_path / "t")
    drawn = [digest("peerd/tasks/table/held-out", *(c.encode() for c in row)) for row in rows]
    assert held.tolist() == [int.from_bytes(each[:8], "little") % 5 == 0 for each in drawn]
