"""National identification numbers of persons, by the check digits of each country (python-stdnum).

A number that nearly every number of its length could be (one check digit, or none) counts only
where the text names it too: nine digits are a Dutch BSN where the text says BSN. What is written in
a form of its own, or has strong checks, counts by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

import msgspec

from laird.privacy.detectors.finding import Finding

_SEGMENT = re.compile(r"[0-9A-Z](?:[ .+/-]?[0-9A-Z]){6,}")
"""Where capitals and digits stand together: only there is anything compared."""
_FEWEST_DIGITS = 4
_AFTER = 3
_LONG_WORD = 5
_NOT_BEFORE, _NOT_AFTER = r"(?<![\w.+/-])", r"(?!\w|[-/+]\w|\.\d)"


class NationalId(msgspec.Struct, frozen=True):
    """One country's number."""

    kind: str
    module: str
    """In python-stdnum."""
    form: str
    """How it is written: a pattern for the whole of it."""
    words: tuple[str, ...] = ()
    """One of them must be in the text, as a word or as the beginning of one, in small letters; none
    where the number tells by itself."""


NATIONAL_IDS = (
    NationalId("US social security number", "us.ssn", r"\d{3}-\d{2}-\d{4}"),
    NationalId(
        "US social security number", "us.ssn", r"\d{3} ?\d{2} ?\d{4}", ("ssn", "social sec")
    ),
    NationalId("US taxpayer number", "us.itin", r"9\d{2}-\d{2}-\d{4}"),
    NationalId("British NHS number", "gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", ("nhs",)),
    NationalId(
        "German tax number",
        "de.idnr",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        ("steuer", "idnr", "identifikationsnummer", "tax id", "tin"),
    ),
    NationalId("French NIR", "fr.nir", r"[1-478] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}"),
    NationalId(
        "Dutch BSN",
        "nl.bsn",
        r"\d{4}\.?\d{2}\.?\d{3}",
        ("bsn", "burgerservicenummer", "sofinummer"),
    ),
    NationalId("Belgian national number", "be.nn", r"\d{2}\.?\d{2}\.?\d{2}[- ]?\d{3}[.]?\d{2}"),
    NationalId("Polish PESEL", "pl.pesel", r"\d{11}", ("pesel",)),
    NationalId("Swedish personnummer", "se.personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}"),
    NationalId(
        "Swedish personnummer", "se.personnummer", r"(?:\d{2})?\d{10}", ("personnummer", "personnr")
    ),
    NationalId("Norwegian fødselsnummer", "no.fodselsnummer", r"\d{6} ?\d{5}"),
    NationalId("Danish CPR number", "dk.cpr", r"\d{6}-?\d{4}", ("cpr", "personnummer")),
    NationalId(
        "Austrian insurance number",
        "at.vnr",
        r"\d{4} ?\d{6}",
        ("svnr", "sozialversicherung", "versicherungsnummer", "sv-nummer"),
    ),
    NationalId("Swiss AHV number", "ch.ssn", r"756\.?\d{4}\.?\d{4}\.?\d{2}"),
    NationalId("Czech birth number", "cz.rc", r"\d{6}/?\d{3,4}", ("rodné", "rodne", "r.č", "rč:")),
    NationalId("Romanian CNP", "ro.cnp", r"\d{13}", ("cnp",)),
    NationalId("Bulgarian EGN", "bg.egn", r"\d{10}", ("egn", "егн")),
    NationalId("Croatian OIB", "hr.oib", r"\d{11}", ("oib",)),
    NationalId("Greek AMKA", "gr.amka", r"\d{11}", ("amka", "αμκα")),
    NationalId("Estonian isikukood", "ee.ik", r"\d{11}", ("isikukood",)),
    NationalId("Lithuanian asmens kodas", "lt.asmens", r"\d{11}", ("asmens",)),
    NationalId("Icelandic kennitala", "is_.kennitala", r"\d{6}-?\d{4}", ("kennitala",)),
    NationalId("Portuguese NIF", "pt.nif", r"\d{3} ?\d{3} ?\d{3}", ("nif", "contribuinte")),
    NationalId("Brazilian CPF", "br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    NationalId("Brazilian CPF", "br.cpf", r"\d{11}", ("cpf",)),
    NationalId("Chilean RUT", "cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-\d"),
    NationalId("Argentinian CUIL", "ar.cuit", r"\d{2}-\d{8}-\d"),
    NationalId(
        "Indian Aadhaar",
        "in_.aadhaar",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        ("aadhaar", "aadhar", "uidai"),
    ),
    NationalId("Chinese resident number", "cn.ric", r"\d{18}"),
    NationalId("Korean RRN", "kr.rrn", r"\d{6}-\d{7}"),
    NationalId(
        "Japanese My Number",
        "jp.in_",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        ("my number", "マイナンバー", "個人番号"),
    ),
    NationalId(
        "Canadian SIN",
        "ca.sin",
        r"\d{3}[ -]?\d{3}[ -]?\d{3}",
        ("social insurance", "sin"),
    ),
    NationalId("Australian TFN", "au.tfn", r"\d{3}[ -]?\d{3}[ -]?\d{2,3}", ("tfn", "tax file")),
    NationalId("New Zealand IRD number", "nz.ird", r"\d{2,3}-?\d{3}-?\d{3}", ("ird",)),
    NationalId("Israeli identity number", "il.idnr", r"\d{8,9}", ("teudat", "תעודת זהות", "ת.ז")),
    NationalId(
        "South African identity number", "za.idnr", r"\d{13}", ("id number", "identity", "rsa id")
    ),
    NationalId("Turkish identity number", "tr.tckimlik", r"\d{11}", ("kimlik", "tckn", "tc no")),
    NationalId(
        "Thai identity number",
        "th.pin",
        r"\d-?\d{4}-?\d{5}-?\d{2}-?\d",
        ("thai", "national id", "บัตรประชาชน", "ประจำตัวประชาชน"),
    ),
    NationalId("Malaysian NRIC", "my.nric", r"\d{6}-\d{2}-\d{4}"),
    NationalId("Pakistani CNIC", "pk.cnic", r"\d{5}-\d{7}-\d"),
    NationalId("Indonesian NIK", "id.nik", r"\d{16}", ("nik", "ktp")),
    NationalId("Ukrainian RNTRC", "ua.rntrc", r"\d{10}", ("рнокпп", "іпн", "rntrc")),
    NationalId("Slovenian EMŠO", "si.emso", r"\d{13}", ("emšo", "emso")),
    NationalId(
        "Italian codice fiscale", "it.codicefiscale", r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"
    ),
    NationalId("Spanish DNI", "es.dni", r"\d{8}-?[A-Z]"),
    NationalId("Spanish NIE", "es.nie", r"[XYZ]-?\d{7}-?[A-Z]"),
    NationalId("Finnish HETU", "fi.hetu", r"\d{6}[-+A-FYXWVU]\d{3}[0-9A-Y]"),
    NationalId("Mexican CURP", "mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d"),
    NationalId("Chinese resident number", "cn.ric", r"\d{17}X"),
    NationalId("Indian PAN", "in_.pan", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", ("pan",)),
    NationalId("Irish PPS number", "ie.pps", r"\d{7}[A-W][ABHWTX]?", ("pps",)),
    NationalId(
        "Portuguese citizen card", "pt.cc", r"\d{8} ?\d ?[A-Z0-9]{2}\d", ("cartão", "cidadão")
    ),
    NationalId("Chilean RUT", "cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-K"),
)


class _Ready(msgspec.Struct, frozen=True):
    kind: str
    form: re.Pattern[str]
    is_valid: Callable[[str], bool]
    words: tuple[str, ...]
    named: re.Pattern[str]
    """One of its words."""

    def is_active(self, low: str) -> bool:
        """Tell whether it is looked for in a text, given in small letters."""
        if not self.words:
            return True
        return any(map(low.__contains__, self.words)) and self.named.search(low) is not None


def _word(word: str) -> str:
    """Return the pattern of a word; a short one must not be the beginning of another."""
    return re.escape(word) + ("(?![a-z])" if len(word) < _LONG_WORD else "")


_ROWS = tuple(
    _Ready(
        row.kind,
        re.compile(row.form, re.ASCII),
        import_module(f"stdnum.{row.module}").is_valid,
        row.words,
        re.compile(f"(?<![a-z])(?:{'|'.join(map(_word, row.words))})"),
    )
    for row in NATIONAL_IDS
)


_WORDS = tuple(dict.fromkeys(word for row in _ROWS for word in row.words))
_BY_THEMSELVES = tuple(number for number, row in enumerate(_ROWS) if not row.words)


def _looked_for(text: str) -> tuple[int, ...]:
    """Return the rows that may be in a text: those that tell by themselves, and those it names."""
    low = text.lower()
    if not any(map(low.__contains__, _WORDS)):
        return _BY_THEMSELVES
    return tuple(number for number, row in enumerate(_ROWS) if row.is_active(low))


@lru_cache(64)
def _together(rows: tuple[int, ...]) -> re.Pattern[str]:
    """Return one pattern for all forms of some rows."""
    forms = dict.fromkeys(_ROWS[row].form.pattern for row in rows)
    return re.compile(f"{_NOT_BEFORE}(?:{'|'.join(forms)}){_NOT_AFTER}", re.ASCII)


def national_ids(text: str) -> Iterator[Finding]:
    """Yield the identification numbers of persons in a text."""
    rows: tuple[int, ...] = ()
    forms: re.Pattern[str] | None = None
    for segment in _SEGMENT.finditer(text):
        if sum(map(str.isdigit, segment[0])) < _FEWEST_DIGITS:
            continue
        if forms is None:
            rows = _looked_for(text)
            forms = _together(rows)
        for match in forms.finditer(text, segment.start(), segment.end() + _AFTER):
            for number in rows:
                row = _ROWS[number]
                if row.form.fullmatch(match[0]) is not None and row.is_valid(match[0]):
                    yield Finding(row.kind, match.start(), match.end())
                    break
