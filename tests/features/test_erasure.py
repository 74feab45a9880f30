"""Who is forgotten is gone from every file of the home, and stays gone; numbers and links stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from features.erasure import forget, identifying_fields, parse_subject, subjects_of_email
from features.errors import BadInput, NotFound
from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping
from serving.cli import cli
from serving.cli.data import read_mapping
from simulation.company import generate
from tests.companies import DAY, NOW, bring_in, counts, mapping_text, write

PEOPLE = """
  - file: contacts.csv
    rows: contacts
    columns: {contact_id: id, created_at: created}
    fields:
      full_name: {column: name, past: at_creation}
      notes: {column: notes, type: text, past: final_only}
      email: {column: email, past: final_only}
      badge: {column: badge, past: final_only, personal: true}
      score: {column: score, type: number, past: final_only}
      industry: {column: industry, past: at_creation}
  - file: log.csv
    rows: changes
    subject: contact
    columns: {subject_id: id, changed_at: at}
    fields:
      phone: {column: phone, past: logged}
  - file: calls.csv
    rows: activities
    subject: contact
    columns: {subject_id: id, happened_at: at, kind: kind, text: text, contact_ids: with, duration_seconds: seconds}
"""
FILES = {
    "contacts": """id,created,name,notes,email,badge,score,industry
        C1,2024-01-10,Zenobia Quist,likes oysters,zq@mail.example,B-77123,5,Retail
        C2,2024-01-10,Other Person,plain,other@mail.example,B-1,6,Retail
        C1,soon,Zenobia Quist,waits,zq@mail.example,B-3,7,Retail""",
    "log": "id,at,phone\nC1,2024-01-11,0555-998877\nC2,2024-01-11,0555-112233",
    "calls": """id,at,kind,text,with,seconds
        C1,2024-01-12,call,spoke of marmalade,C1,60
        C2,2024-01-12,call,spoke of Zanzibar with both,C2;C1,70
        C2,2024-01-13,call,plain talk,C2;C11,80
        C1,2024-01-13,call,spoke of quinces,C1,abc"""}
SECRETS = ["Zenobia", "oysters", "zq@mail", "B-77123", "0555-998877", "marmalade", "Zanzibar", "quinces"]
KEPT = ["Other Person", "0555-112233", "plain talk", "B-1"]


@pytest.fixture
def home(tmp_path: Path, database: str) -> Path:
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), mapping_text(PEOPLE))
    return tmp_path / "home"


def stored(home: Path) -> str:
    """Everything that the home holds, as text: its files' bytes and, where it has no file, its tables."""
    found = [path.read_bytes().decode("latin-1") for path in home.rglob("*") if path.is_file()]
    opened = Home.open(home).store
    if opened.engine.dialect.name != "sqlite":
        with opened.read() as connection:
            for table in ("changes", "activities", "rejects", "imports", "contacts"):
                found += [str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))]
    return "\n".join(found)


def held(home: Path) -> set[str]:
    everything = stored(home)
    return {one for one in [*SECRETS, *KEPT] if one in everything}


def test_the_texts_of_who_is_forgotten_are_gone_from_every_file_and_others_stay(home: Path) -> None:
    assert held(home) == {*SECRETS, *KEPT}
    done = forget(Home.open(home), [("contact", "C1")], NOW + DAY)
    assert held(home) == set(KEPT)
    assert (done.values, done.texts, done.rejects, done.reports) == (5, 2, 2, 1)
    assert done.files_left == []
    assert any("backups" in one for one in done.out_of_reach)


def test_numbers_dates_and_links_stay(home: Path) -> None:
    def kept() -> list[object]:
        tables = Home.open(home).history().tables
        calls = tables["activities"].drop(columns="text").values.tolist()
        changes = tables["changes"]
        numbers = changes[changes["field"].isin(["score", "industry"])].values.tolist()
        return [calls, numbers, changes.drop(columns="value").values.tolist(), tables["contacts"].values.tolist()]

    before = kept()
    forget(Home.open(home), [("contact", "C1")], NOW + DAY)
    assert kept() == before


def test_no_later_import_brings_the_texts_back_and_known_rows_stay_known(home: Path, tmp_path: Path) -> None:
    forget(Home.open(home), [("contact", "C1")], NOW + DAY)
    again = bring_in(home, tmp_path / "in", mapping_text(PEOPLE), NOW + 2 * DAY)
    assert counts(again)[1] == 0
    newer = {name: lines.replace("oysters", "oysters and Zenobia").replace("0555-998877", "0555-998877 zq@mail")
             for name, lines in FILES.items()}
    bring_in(home, write(tmp_path / "newer", **newer), mapping_text(PEOPLE), NOW + 3 * DAY)
    forget(Home.open(home), [("contact", "C1")], NOW + 4 * DAY)
    assert held(home) == set(KEPT)
    assert not {one for one in SECRETS if one in stored(home)}


def test_forgetting_twice_finds_nothing_more(home: Path) -> None:
    forget(Home.open(home), [("contact", "C1")], NOW + DAY)
    done = forget(Home.open(home), [("contact", "C1")], NOW + 2 * DAY)
    assert (done.values, done.texts, done.rejects, done.reports) == (0, 0, 0, 0)


def test_an_address_finds_everyone_who_has_it(home: Path) -> None:
    assert subjects_of_email(Home.open(home), " ZQ@Mail.example ") == [("contact", "C1")]
    with pytest.raises(NotFound, match=r"has the address nobody@mail\.example"):
        subjects_of_email(Home.open(home), "nobody@mail.example")


def test_an_unknown_subject_is_refused_and_nothing_is_erased(home: Path) -> None:
    with pytest.raises(NotFound, match="no contact 'C99'"):
        forget(Home.open(home), [("contact", "C1"), ("contact", "C99")], NOW)
    assert held(home) == {*SECRETS, *KEPT}
    with pytest.raises(BadInput, match=r"contacts:C1.*Did you mean 'contact'"):
        parse_subject("contacts:C1")


def test_a_file_that_holds_the_text_is_named(home: Path) -> None:
    (home / "models").mkdir()
    (home / "models" / "notes.json").write_text(json.dumps({"of": "Zenobia Quist"}), encoding="utf-8")
    assert forget(Home.open(home), [("contact", "C1")], NOW).files_left == ["models/notes.json"]


def test_a_name_that_somebody_else_has_too_stays_theirs_and_does_not_condemn_the_database(tmp_path: Path) -> None:
    files = {**FILES, "contacts": FILES["contacts"].replace("Other Person", "Zenobia Quist")}
    bring_in(tmp_path / "home", write(tmp_path / "in", **files), mapping_text(PEOPLE))
    assert forget(Home.open(tmp_path / "home"), [("contact", "C1")], NOW).files_left == []
    changes = Home.open(tmp_path / "home").history().tables["changes"]
    assert changes.loc[changes["value"] == "Zenobia Quist", "subject_id"].tolist() == ["C2"]


def test_what_identifies_follows_from_type_mark_and_name() -> None:
    mapping = parse_mapping(mapping_text(PEOPLE), "test")
    assert identifying_fields(mapping, "contact") == {"full_name", "notes", "email", "badge", "phone"}


def test_the_command_asks_first_and_says_what_it_did(tmp_path: Path) -> None:
    home = tmp_path / "home"
    bring_in(home, write(tmp_path / "in", **FILES), mapping_text(PEOPLE))

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(cli, ["--home", str(home), "forget", *arguments], input=typed, prog_name="dealcast")

    assert run("--subject", "contact:C1", typed="n\n").exit_code != 0
    unknown = run("--subject", "contact:C99", typed="y\n")
    assert (unknown.exit_code, "for good" in unknown.stderr) == (2, False)  # a slip is told before anything is asked
    assert "There is no contact 'C99'" in unknown.stderr
    assert set(SECRETS) <= held(home)
    done = run("--email", "zq@mail.example", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["subjects"] == ["contact:C1"]
    assert held(home) == set(KEPT)
    shown = run("--subject", "contact:C1", "--yes")
    assert "These cannot be reached from here" in shown.stdout
    assert run().exit_code == 2
    assert run("--subject", "person:1", "--yes").exit_code == 2


def test_scores_are_the_same_before_and_after(tmp_path: Path, trained_home: Path) -> None:
    import shutil

    from features.calendar import parse_as_of
    from training import deal_close, lead_scores
    from training.hazard import HazardModel
    from training.registry.versions import champion

    shutil.copytree(trained_home, tmp_path / "home")

    def scores() -> tuple[object, object]:
        home = Home.open(tmp_path / "home")
        as_of = parse_as_of("2026-07-01", home.mapping.zone)
        models = {}
        for name in ("deals", "leads"):
            version = champion(home, name)
            assert version is not None
            models[name] = HazardModel.load(version.path(home))
        history = home.history(as_of)
        return (deal_close.score(models["deals"], history, as_of, 28).to_csv(),
                lead_scores.score(models["leads"], history, as_of, home.settings).to_csv())

    before = scores()
    home = Home.open(tmp_path / "home")
    contacts = [("contact", str(one)) for one in home.history().contacts.ids[:50]]
    assert forget(home, contacts, NOW).values >= 50
    assert scores() == before


def test_a_simulated_company_imports_again_without_those_who_were_forgotten(tmp_path: Path) -> None:
    made = generate(tmp_path / "simulated", seed=1, size="tiny")
    home = Home.open(tmp_path / "home", must_exist=False)
    import_files(home, made.export_folder, *read_mapping("simulated"), recorded_at=made.end)
    home = Home.open(tmp_path / "home")
    one = str(home.history().contacts.ids[0])
    forget(home, [("contact", one)], made.end)
    report = import_files(home, made.export_folder, *read_mapping("simulated"), recorded_at=made.end + DAY)
    assert report.total("stored") == 0
    changes = home.history().tables["changes"]
    assert changes.loc[(changes["subject_id"] == one) & (changes["field"] == "name"), "value"].isna().all()
