"""What numbers a person is refused, however often it recurs; what is measured is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from peerd.errors import TaskError
from peerd.tasks.examination import Selection, derive_schema, examine
from peerd.tasks.identifiers import people_suspicion

Cell = Callable[[random.Random, int], str]
PEOPLE, VISITS = 30, 12
DIGITS = str.maketrans("0123456789", "abcdefghij")
GIVEN = ["Anna", "Jean", "Mario", "Ngozi", "Björn", "Xiu", "Pedro", "Zsófia", "Katarzyna", "Dmitri"]
FAMILY = [
    "Meier",
    "Dupont",
    "Rossi",
    "Okafor",
    "Ånger",
    "Zhang",
    "Pérez",
    "Nagy",
    "O'Brien",
    "Diop",
]
STREETS = ("Main Street", "Hauptstr.", "rue de la Paix", "Calle Mayor", "Via Roma", "Kerkstraat")
WORDS = ["patient", "reports", "pain", "since", "monday", "no", "fever", "seen", "by", "plan"]


def person(index: int) -> tuple[str, str]:
    return GIVEN[index % 10], FAMILY[(index // 10 + index) % 10]


IDENTIFYING: dict[str, Cell] = {
    "col1 given and family": lambda _, p: " ".join(person(p)),
    "col1 family, given": lambda _, p: ", ".join(reversed(person(p))),
    "col1 CAPITALS": lambda _, p: " ".join(person(p)).upper(),
    "col1 titled": lambda _, p: f"Dr. {person(p)[1]}",
    "col1 small letters": lambda _, p: " ".join(person(p)).lower(),
    "col1 initial": lambda _, p: f"{person(p)[1]}{p // 10} {person(p)[0][0]}".translate(DIGITS),
    "col1 with particle": lambda _, p: f"{person(p)[0]} van der {person(p)[1]}",
    "col1 one person": lambda *_: "Anna Okafor",
    "col1 given": lambda _, p: person(p)[0],
    "col2 iso date": lambda _, p: f"19{40 + p}-0{p % 9 + 1}-1{p % 10}",
    "col2 german date": lambda _, p: f"1{p % 10}.0{p % 9 + 1}.19{40 + p}",
    "col2 american date": lambda _, p: f"{p % 12 + 1}/{p % 28 + 1}/{1940 + p}",
    "col2 written date": lambda _, p: f"{p % 28 + 1} März {1940 + p}",
    "col2 compact date": lambda _, p: f"{1940 + p}0{p % 9 + 1}1{p % 10}",
    "col2 moment": lambda _, p: f"2024-01-{p % 28 + 1:02d} 10:{p:02d}",
    "col2 clock": lambda _, p: f"{p % 24}:{p:02d}",
    "col2 year and month": lambda _, p: f"2024-{p % 12 + 1:02d}",
    "col2 unix": lambda _, p: str(1_600_000_000 + p * 86_400 + 13),
    "col3 mail": lambda _, p: f"{person(p)[1][0].lower()}{p}@example.org",
    "col4 phone": lambda _, p: f"+49 30 {4711000 + p * 13}",
    "col4 national": lambda _, p: f"030/{4711000 + p * 13}",
    "col5 address": lambda _, p: f"{STREETS[p % 6]} {p + 1}",
    "col5 number first": lambda _, p: f"{p + 1} {STREETS[p % 6]}",
    "col4 american": lambda _, p: f"(555) {100 + p}-{4000 + p * 7}",
    "col4 social security": lambda _, p: f"{100 + p}-{10 + p}-{4000 + p * 7}",
    "col5 network": lambda _, p: f"10.0.{p}.17",
    "col6 case id": lambda _, p: f"x{p}",
    "col6 record": lambda _, p: f"MRN-{p * 37 + 11:06d}",
    "col6 short record": lambda _, p: f"P{p:03d}",
    "col6 digits": lambda _, p: str(4_000_000 + p * 7919),
    "col6 digits as float": lambda _, p: f"{4_000_000 + p * 7919}.0",
    "col6 padded": lambda _, p: f"{p * 7919 + 17:09d}",
    "col6 very long": lambda _, p: str(10**15 + p * 99991),
    "col7 uuid": lambda _, p: f"{p * 99991:08x}-0000-4000-8000-{p * 7919:012x}",
    "col7 iban": lambda _, p: f"DE89 3704 0044 0532 01{p % 100:02d} 00",
    "col8 free text": lambda draw, _: " ".join(draw.choices(WORDS, k=8)),
    "col8 recurring text": lambda _, p: f"{' '.join(WORDS[:6])} {p}",
} | {
    # by name alone: what is in them is as of a harmless category
    name: (lambda draw, _: draw.choice(["alpha", "beta", "gamma", "delta"]))
    for name in (
        "patient_name", "LastName", "first name", "Nachname", "Vorname", "nom", "prénom",
        "apellidos", "cognome", "achternaam", "Straße", "adresse", "dirección", "indirizzo",
        "e-mail", "Telefonnummer", "téléphone", "Geburtsdatum", "date_of_birth", "DOB",
        "fecha_nacimiento", "Bemerkungen", "notes", "commentaire", "opmerkingen", "osservazioni",
        "patientID", "patient_id", "Patientennummer", "Versicherungsnummer", "MRN", "SSN", "IBAN",
        "account_no", "Kontonummer", "numero_dossier", "numéro patient", "codice fiscale", "BSN",
        "Fallnummer", "id", "holder", "Kunde", "customerID", "passenger_nbr", "InsuranceNumber",
    )
}  # fmt: skip

HARMLESS: dict[str, Cell] = {
    "age": lambda draw, _: str(draw.randint(0, 99)),
    "systolic": lambda draw, _: str(draw.randint(80, 200)),
    "x1 small whole": lambda draw, _: str(draw.randint(0, 120)),
    "x1 float": lambda draw, _: f"{draw.gauss(5, 2):.6f}",
    "x1 large float": lambda draw, _: f"{draw.gauss(5e6, 2e6):.3f}",
    "x1 scientific": lambda draw, _: f"{draw.gauss(5, 2):.8e}",
    "x1 rounded thousands": lambda draw, _: str(draw.randint(150, 450) * 1000),
    "x1 flag": lambda draw, _: str(draw.randint(0, 1)),
    "x1 year": lambda draw, _: str(draw.randint(1990, 2024)),
    "zip": lambda draw, _: draw.choice(["01067", "10115", "20095", "80331", "50667"]),
    "x2 zip as number": lambda draw, _: draw.choice(["70173", "10115", "20095", "80331"]),
    "diagnosis": lambda draw, _: f"{'EIJKN'[draw.randint(0, 4)]}{draw.randint(10, 15)}.9",
    "diagnosis text": lambda draw, _: draw.choice(
        ["Atrial Fibrillation", "Heart Failure", "Chronic Kidney Disease", "Pneumonia", "Sepsis"]
    ),
    "sex": lambda draw, _: draw.choice(["m", "f"]),
    "smoker": lambda draw, _: draw.choice(["yes", "no", "former"]),
    "blood_group": lambda draw, _: draw.choice(["A+", "A-", "B+", "0+", "AB+"]),
    "stage": lambda draw, _: draw.choice(["Stage I", "Stage II", "Stage III"]),
    "ward": lambda draw, _: draw.choice(["Intensive Care", "Emergency Room", "General Surgery"]),
    "patient_sex": lambda draw, _: draw.choice(["m", "f", "d"]),
    "doctor_visits": lambda draw, _: str(draw.randint(0, 9)),
    "hospital_code": lambda draw, _: draw.choice(["H1", "H2", "H3"]),
    "visit_number": lambda draw, _: str(draw.randint(1, 12)),
    "admission_type_id": lambda draw, _: str(draw.randint(1, 8)),
    "cohort": lambda draw, _: draw.choice(["1990-1999", "2000-2009", "2010-2019"]),
    "income_range": lambda draw, _: draw.choice(["10000-19999", "20000-49999", "50000-99999"]),
    "country": lambda draw, _: draw.choice(["Germany", "France", "Spain", "Italy", "Jordan"]),
    "eyes": lambda draw, _: draw.choice(["brown", "blue", "green"]),
    "faith": lambda draw, _: draw.choice(["Christian", "Muslim", "Jewish"]),
    "trade": lambda draw, _: draw.choice(["Bauer", "Schneider", "Fischer", "Lehrer"]),
    "pressure": lambda draw, _: f"{draw.randint(10, 13) * 10}/{draw.randint(7, 9) * 10}",
    "region": lambda draw, _: draw.choice(["Region North", "Region South", "Region West"]),
    "education": lambda draw, _: draw.choice(["Some-college", "HS-grad", "Bachelors", "Masters"]),
    "age_group": lambda draw, _: draw.choice(["[0-10)", "[10-20)", "[20-30)", "90+"]),
    "birth_weight": lambda draw, _: f"{draw.gauss(3400, 400):.1f}",
    "number_of_visits": lambda draw, _: str(draw.randint(0, 12)),
    "account_balance": lambda draw, _: f"{draw.gauss(0, 1000):.2f}",
    "has_telephone": lambda draw, _: draw.choice(["yes", "no"]),
    "drug_name": lambda draw, _: draw.choice(["aspirin", "heparin", "insulin", "ramipril"]),
}  # fmt: skip


def table(path: Path, name: str, cell: Cell) -> Path:
    """PEOPLE with VISITS each."""
    draw = random.Random(name)
    lines = [f'"{name}",x,y']
    for row in range(PEOPLE * VISITS):
        lines.append(f'"{cell(draw, row % PEOPLE)}",{draw.gauss(0, 1):.3f},{row % 2}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", sorted(IDENTIFYING))
def test_an_identifier_is_refused_however_often_it_recurs(name: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", name, IDENTIFYING[name])
    with pytest.raises(TaskError) as caught:
        derive_schema(path, "y")
    said = str(caught.value)
    assert "look like identifiers" in said and name in said
    assert "--drop" in said and "--keep NAME" in said
    cells = {IDENTIFYING[name](random.Random(1), person) for person in range(PEOPLE)}
    assert not [cell for cell in cells if len(cell) > 4 and cell in said]
    dropped, _ = derive_schema(path, "y", Selection(drop=[name]))
    assert [column["name"] for column in dropped["columns"]] == ["x"]
    kept, _ = derive_schema(path, "y", Selection(keep=[name]))
    assert [column["name"] for column in kept["columns"]] == [name, "x"]


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_is_measured_or_coded_is_no_identifier(name: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", name, HARMLESS[name])
    report, schema = examine(path, "y", Selection())
    assert report.errors == []
    assert schema is not None and [each.name for each in schema.columns] == [name, "x"]


def test_a_table_of_one_row_a_person_is_judged_alike(tmp_path: Path) -> None:
    lines = ["number,income,y"]
    lines += [f"{row * 7 + 10_000},{row * 31.37:.2f},{row % 2}" for row in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    report, _ = examine(tmp_path / "t.csv", "y", Selection())
    assert {each.name: each.identifier for each in report.columns} == {
        "number": True,
        "income": False,
    }


def test_names_in_other_scripts_are_names() -> None:
    chinese = ["王伟", "李娜", "张敏", "刘洋", "陈静"]
    korean = ["김민준", "이서연", "박지훈", "최수빈"]
    assert people_suspicion(chinese) and people_suspicion(korean)
    assert not people_suspicion(["手术", "门诊", "急诊", "住院"])
    assert not people_suspicion(["외래", "입원", "응급"])
