"""A labelled set of texts, made anew each time from one seed: what detectors should find, and not.

Positives are made the way their issuers make them (lengths, alphabets, check digits), put into what
people send: prose, code, configuration, tables, logs. Negatives are what looks like them.
"""

from __future__ import annotations

import base64
import inspect
import json
import random
import string
import textwrap
import uuid
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType

import msgspec
import phonenumbers
from stdnum import luhn

from laird.domain.privacy import Category

SEED = 20_261_122
_EACH = 6
"""Texts of each kind."""
_HEX, _LOWER, _UPPER = "0123456789abcdef", string.ascii_lowercase, string.ascii_uppercase
_WORD = string.ascii_letters + string.digits
_URL = _WORD + "-_"


class Sample(msgspec.Struct, frozen=True):
    """One text; `category` of None means that nothing at all is to be found in it."""

    category: Category | None
    kind: str
    text: str
    regions: tuple[str, ...] = ()


def samples() -> list[Sample]:
    """Return the whole set."""
    draw = random.Random(SEED)
    made = [*_secrets(draw), *_cards(draw), *_ibans(draw), *_ids(draw), *_contacts(draw)]
    return [*made, *_negatives(draw)]


def _of(draw: random.Random, alphabet: str, length: int) -> str:
    return "".join(draw.choices(alphabet, k=length))


# What people send around a value.
_FRAMES: tuple[str, ...] = (
    "{0}",
    "Please use {0} for this, thanks.",
    '{{"id": 17, "value": "{0}", "ok": true}}',
    "2026-03-04 10:11:12 INFO received {0} from worker-3",
    "| 41 | {0} | open |\n| 42 | none | closed |",
    "Here is what I have:\n\n    {0}\n\nWhat is wrong with it?",
)
_FRAMES_OF_SECRETS: tuple[str, ...] = (
    "export KEY={0}",
    'client = Client("{0}")',
    "curl -H 'x-api-key: {0}' https://api.example.net/v1",
    "https://api.example.net/v1/items?key={0}&page=2",
    "I get 401 with {0}, is it expired?",
    "service:\n  credentials: {0}\n  retries: 3\n",
)


def _framed(
    category: Category, kind: str, make: Callable[[], str], frames: tuple[str, ...] = _FRAMES
) -> Iterator[Sample]:
    for number in range(_EACH):
        yield Sample(category, kind, frames[number % len(frames)].format(make()))


def _vendor_keys(draw: random.Random) -> dict[str, Callable[[], str]]:
    def of(alphabet: str, length: int) -> str:
        return _of(draw, alphabet, length)

    return {
        "OpenAI": lambda: f"sk-proj-{of(_URL, 74)}T3BlbkFJ{of(_URL, 74)}",
        "OpenAI, old": lambda: f"sk-{of(_WORD, 20)}T3BlbkFJ{of(_WORD, 20)}",
        "Anthropic": lambda: f"sk-ant-api03-{of(_URL, 93)}AA",
        "OpenRouter": lambda: f"sk-or-v1-{of(_HEX, 64)}",
        "DeepSeek": lambda: f"sk-{of(_HEX, 32)}",
        "Google": lambda: f"AIza{of(_URL, 35)}",
        "Google OAuth": lambda: f"GOCSPX-{of(_URL, 28)}",
        "Hugging Face": lambda: f"hf_{of(string.ascii_letters, 34)}",
        "Groq": lambda: f"gsk_{of(_WORD, 52)}",
        "xAI": lambda: f"xai-{of(_WORD, 80)}",
        "Replicate": lambda: f"r8_{of(_WORD, 37)}",
        "Perplexity": lambda: f"pplx-{of(_WORD, 48)}",
        "NVIDIA": lambda: f"nvapi-{of(_URL, 64)}",
        "AWS id": lambda: f"AKIA{of(_UPPER + '234567', 16)}",
        "AWS secret": lambda: f"aws_secret_access_key = {of(_WORD + '+/', 40)}",
        "Azure storage": lambda: f"AccountName=x;AccountKey={of(_WORD + '+/', 86)}==;",
        "DigitalOcean": lambda: f"dop_v1_{of(_HEX, 64)}",
        "Databricks": lambda: f"dapi{of(_HEX, 32)}",
        "Vault": lambda: f"hvs.{of(_URL, 90)}",
        "GitHub": lambda: f"ghp_{of(_WORD, 36)}",
        "GitHub, fine": lambda: f"github_pat_{of(_WORD, 22)}_{of(_WORD, 59)}",
        "GitLab": lambda: f"glpat-{of(_URL, 20)}",
        "npm": lambda: f"npm_{of(_WORD, 36)}",
        "PyPI": lambda: f"pypi-AgEIcHlwaS5vcmc{of(_URL, 120)}",
        "Docker Hub": lambda: f"dckr_pat_{of(_URL, 27)}",
        "Slack": lambda: f"xoxb-{of(string.digits, 12)}-{of(string.digits, 12)}-{of(_WORD, 24)}",
        "Slack hook": lambda: (
            f"https://hooks.slack.com/services/T{of(_UPPER, 8)}/B{of(_UPPER, 8)}/{of(_WORD, 24)}"
        ),
        "Discord": lambda: f"M{of(_WORD, 23)}.{of(_WORD, 6)}.{of(_WORD, 27)}",
        "Telegram": lambda: f"{of('123456789', 10)}:AA{of(_URL, 33)}",
        "SendGrid": lambda: f"SG.{of(_URL, 22)}.{of(_URL, 43)}",
        "Mailgun": lambda: f"key-{of(_HEX, 32)}",
        "Mailchimp": lambda: f"{of(_HEX, 32)}-us14",
        "Twilio": lambda: f"SK{of(_HEX, 32)}",
        "Stripe": lambda: f"sk_live_{of(_WORD, 24)}",
        "Shopify": lambda: f"shpat_{of(_HEX, 32)}",
        "Square": lambda: f"sq0csp-{of(_URL, 43)}",
        "Notion": lambda: f"ntn_{of(_WORD, 46)}",
        "Linear": lambda: f"lin_api_{of(_WORD, 40)}",
        "Grafana": lambda: f"glsa_{of(_WORD, 32)}_{of(_HEX, 8)}",
        "Laird": lambda: f"lai_{of(_HEX, 32)}",
    }


def _secrets(draw: random.Random) -> Iterator[Sample]:
    for vendor, make in _vendor_keys(draw).items():
        yield from _framed(Category.SECRETS, f"key: {vendor}", make, _FRAMES_OF_SECRETS)
    strong = _WORD + "!#%+-_"

    def body(size: int) -> str:
        return base64.b64encode(draw.randbytes(size)).decode()

    def pem() -> str:
        name = draw.choice(("", "RSA ", "EC ", "OPENSSH "))
        lines = "\n".join(textwrap.wrap(body(300), 64))
        return f"-----BEGIN {name}PRIVATE KEY-----\n{lines}\n-----END {name}PRIVATE KEY-----"

    def token() -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": str(draw.randrange(10**6)), "iat": 17})
        coded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
        return ".".join([*(part.rstrip("=") for part in coded), _of(draw, _URL, 43)])

    def password() -> str:
        return _of(draw, _LOWER, 4) + _of(draw, strong, 9) + _of(draw, string.digits, 2)

    yield from _framed(Category.SECRETS, "private key", pem)
    yield from _framed(
        Category.SECRETS, "private key in JSON", lambda: json.dumps(pem())[1:-1], ("{0}",)
    )
    yield from _framed(Category.SECRETS, "JSON web token", token)
    yield from _framed(
        Category.SECRETS,
        "password in a URL",
        lambda: f"postgresql://app:{_of(draw, _WORD, 14)}@db.internal:5432/app",
    )
    assigned = (
        'DB_PASSWORD="{0}"',
        "password: {0}\n",
        '{{"client_secret": "{0}"}}',
        "const apiKey = '{0}';",
        "SECRET_KEY={0}\nDEBUG=false\n",
        "Authorization: Bearer {0}{0}",
    )
    yield from _framed(Category.SECRETS, "assigned", password, assigned)
    spoken = (
        "the wifi password is {0}",
        "login with anna / {0}",
        "my pin is 4711 and the passphrase {0}",
    )
    yield from _framed(Category.SECRETS, "spoken of", password, spoken)


_CARDS = (("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3528", 16), ("36", 14),
          ("62", 16))  # fmt: skip


def _cards(draw: random.Random) -> Iterator[Sample]:
    def card(prefix: str, length: int, separator: str) -> str:
        number = prefix + _of(draw, string.digits, length - len(prefix) - 1)
        number += luhn.calc_check_digit(number)
        cuts = (4, 10, length) if length in {14, 15} else (4, 8, 12, 16)
        parts = (number[a:b] for a, b in zip((0, *cuts), cuts, strict=False))
        return separator.join(parts)

    for prefix, length in _CARDS:
        for name, separator in (
            ("together", ""),
            ("blanks", " "),
            ("hyphens", "-"),
            ("nbsp", "\u00a0"),
        ):
            for frame in draw.sample(_FRAMES, 3):
                text = frame.format(card(prefix, length, separator))
                yield Sample(Category.CARDS, f"card, {name}", text)
    for _ in range(_EACH):
        number = card("4", 16, " ")
        yield Sample(Category.CARDS, "card, with date", f"{number} 12/29 {draw.randrange(1000):03}")


_IBANS = """
AD1200012030200359100100 AE070331234567890123456 AT611904300234573201 BE68539007547034
BG80BNBG96611020345678 CH9300762011623852957 CY17002001280000001200527600
CZ6508000000192000145399 DE89370400440532013000 DK5000400440116243 EE382200221020145685
ES9121000418450200051332 FI2112345600000785 FR1420041010050500013M02606
GB29NWBK60161331926819 GR1601101250000000012300695 HR1210010051863000160
HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999
IS140159260076545510730339 IT60X0542811101000000123456 LT121000011101001000
LU280019400644750000 LV80BANK0000435195001 MT84MALT011000012345MTLCAST001S
NL91ABNA0417164300 NO9386011117947 PL61109010140000071219812874 PT50000201231234567890154
RO49AAAA1B31007593840000 SA0380000000608010167519 SE4550000000058398257466
SK3112000000198742637541 TR330006100519786457841326
""".split()  # noqa: SIM905 - the examples of the IBAN registry


def _ibans(draw: random.Random) -> Iterator[Sample]:
    for iban in _IBANS:
        spaced = " ".join(textwrap.wrap(iban, 4))
        for name, written in (("together", iban), ("blanks", spaced), ("small", iban.lower())):
            yield Sample(Category.IBAN, f"IBAN, {name}", draw.choice(_FRAMES).format(written))
        text = f"Please pay to {spaced} BIC ABCDEFGH by Friday"
        yield Sample(Category.IBAN, "IBAN, before a BIC", text)


# Module in python-stdnum, how it is written (# a digit, @ a letter, yymmdd a date), what people
# call it, and whether it is told from other numbers without that.
_IDS = (
    ("us.ssn", "###-##-####", "SSN", True),
    ("gb.nhs", "### ### ####", "NHS number", False),
    ("de.idnr", "## ### ### ###", "Steuer-ID", False),
    ("fr.nir", "1yymm##########", "numéro de sécurité sociale", True),
    ("nl.bsn", "#########", "BSN", False),
    ("be.nn", "yy.mm.dd-###.##", "rijksregisternummer", True),
    ("pl.pesel", "yymmdd#####", "PESEL", False),
    ("se.personnummer", "yymmdd-####", "personnummer", True),
    ("no.fodselsnummer", "ddmmyy#####", "fødselsnummer", True),
    ("ch.ssn", "756.####.####.##", "AHV", True),
    ("cz.rc", "yymmdd/####", "rodné číslo", False),
    ("ro.cnp", "1yymmdd######", "CNP", False),
    ("hr.oib", "###########", "OIB", False),
    ("gr.amka", "ddmmyy#####", "AMKA", False),
    ("br.cpf", "###.###.###-##", "CPF", True),
    ("in_.aadhaar", "#### #### ####", "Aadhaar", False),
    ("cn.ric", "1101051987mmdd####", "身份证", True),
    ("kr.rrn", "yymmdd-1######", "RRN", True),
    ("ca.sin", "### ### ###", "social insurance number", False),
    ("au.tfn", "### ### ###", "TFN", False),
    ("za.idnr", "yymmdd####08#", "ID number", False),
    ("tr.tckimlik", "###########", "T.C. kimlik no", False),
    ("es.dni", "########@", "DNI", True),
    ("es.nie", "X#######@", "NIE", True),
    ("fi.hetu", "ddmmyy-###@", "henkilötunnus", True),
)
_NAMED = (
    "{0}: {1}",
    "My {0} is {1}, can you fill in the form?",
    "name,{0},city\nAnna Berg,{1},Utrecht\n",
    '{{"name": "Anna", "{0}": "{1}"}}',
    "Patient Anna Berg ({0} {1}) was seen on 4 March.",
)


def _ids(draw: random.Random) -> Iterator[Sample]:
    for module, form, name, tells in _IDS:
        valid = import_module(f"stdnum.{module}").is_valid
        for number in range(_EACH):
            written = _valid(draw, form, valid)
            text = _NAMED[number % len(_NAMED)].format(name, written)
            yield Sample(Category.NATIONAL_IDS, "national id, named", text)
            alone = draw.choice(_FRAMES).format(written)
            kind = "alone, by its form" if tells else "alone, any number"
            yield Sample(Category.NATIONAL_IDS, f"national id, {kind}", alone)


def _valid(draw: random.Random, form: str, valid: Callable[[str], bool]) -> str:
    while True:
        dated = (
            form.replace("yy", f"{draw.randrange(50, 99)}")
            .replace("mm", f"{draw.randrange(1, 13):02}")
            .replace("dd", f"{draw.randrange(1, 29):02}")
        )
        digits = (draw.choice(string.digits) if each == "#" else each for each in dated)
        written = "".join(draw.choice(_UPPER) if each == "@" else each for each in digits)
        if valid(written):
            return written


_PEOPLE = ("anna.berg", "j.smith+news", "o'brien", "info", "max_mustermann", "a", "kim-lee.2")
_HOSTS = (
    "example.org",
    "mail.firma.de",
    "uni-x.ac.uk",
    "gmail.com",
    "sub.a-b.co.jp",
    "x.photography",
)


def _contacts(draw: random.Random) -> Iterator[Sample]:
    forms = ("{0}", "<{0}>", "mailto:{0}", "({0}),", '"{0}"', "E-Mail:{0};")
    for person in _PEOPLE:
        for host in _HOSTS:
            written = draw.choice(forms).format(f"{person}@{host}")
            yield Sample(Category.EMAIL, "e-mail", draw.choice(_FRAMES).format(written))
    styles = (
        ("with its country", phonenumbers.PhoneNumberFormat.INTERNATIONAL, False),
        ("with its country, together", phonenumbers.PhoneNumberFormat.E164, False),
        ("at home, country told", phonenumbers.PhoneNumberFormat.NATIONAL, True),
        ("at home, country not told", phonenumbers.PhoneNumberFormat.NATIONAL, False),
    )
    for region in (
        "US",
        "GB",
        "DE",
        "FR",
        "ES",
        "IT",
        "NL",
        "PL",
        "SE",
        "BR",
        "IN",
        "JP",
        "AU",
        "ZA",
    ):
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            assert number is not None
            for name, style, told in styles:
                written = phonenumbers.format_number(number, style)
                text = draw.choice(_FRAMES).format(written)
                regions = (region,) if told else ()
                yield Sample(Category.PHONE, f"telephone, {name}", text, regions)


def _negatives(draw: random.Random) -> Iterator[Sample]:
    for kind, make in _LOOKALIKES.items():
        for _ in range(_EACH * 3):
            text = draw.choice(_FRAMES).format(make(draw))
            yield Sample(None, kind, text, draw.choice(((), ("US",), ("DE",), ("GB", "FR"))))
    for text in _HARMLESS:
        yield Sample(None, "code and prose", text, ("US",))


_MODULES = ("argparse", "json.decoder", "csv", "shutil", "statistics", "uuid", "zipfile", "ssl",
            "tarfile", "getpass", "netrc", "hmac", "secrets")  # fmt: skip


def source_code() -> Iterator[str]:
    """Yield pieces of the standard library, 40 lines each."""
    for name in _MODULES:
        module: ModuleType = import_module(name)
        lines = inspect.getsource(module).splitlines()
        for start in range(0, len(lines), 40):
            yield "\n".join(lines[start : start + 40])


_LOOKALIKES: dict[str, Callable[[random.Random], str]] = {
    "order number": lambda draw: f"order {draw.randrange(10**9, 10**10)}",
    "long order number": lambda draw: f"ORD-{draw.randrange(10**15, 10**16)}",
    "invoice": lambda draw: f"INV-2026-{draw.randrange(10**5):05}",
    "UUID": lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "MD5": lambda draw: _of(draw, _HEX, 32),
    "SHA-1": lambda draw: f"commit {_of(draw, _HEX, 40)}",
    "SHA-256": lambda draw: f"sha256:{_of(draw, _HEX, 64)}",
    "integrity": lambda draw: (
        (f'"integrity": "sha512-{base64.b64encode(draw.randbytes(64)).decode()}"')
        .replace("{", "")
        .replace("}", "")
    ),
    "seconds": lambda draw: f"ts={1_700_000_000 + draw.randrange(10**8)}",
    "milliseconds": lambda draw: f"ts={1_700_000_000_000 + draw.randrange(10**11)}",
    "microseconds": lambda draw: f"at_us={1_700_000_000_000_000 + draw.randrange(10**14)}",
    "ISO time": lambda draw: (
        f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T12:34:56.789+02:00"
    ),
    "version": lambda draw: (
        f"v{draw.randrange(30)}.{draw.randrange(30)}.{draw.randrange(5000)}-rc.1"
    ),
    "package": lambda draw: f"lodash@4.17.{draw.randrange(30)}",
    "IPv4": lambda draw: ".".join(str(draw.randrange(256)) for _ in range(4)) + ":8080",
    "IPv6": lambda draw: ":".join(f"{draw.randrange(65536):x}" for _ in range(8)),
    "MAC": lambda draw: ":".join(f"{draw.randrange(256):02x}" for _ in range(6)),
    "address of code": lambda draw: (
        f"at 0x{draw.getrandbits(48):012x} in frame #{draw.randrange(40)}"
    ),
    "amount": lambda draw: f"EUR {draw.randrange(10**6):,}.{draw.randrange(100):02}",
    "coordinates": lambda draw: f"{draw.uniform(-90, 90):.6f}, {draw.uniform(-180, 180):.6f}",
    "decimals": lambda draw: f"loss={draw.random():.16f}",
    "ISBN": lambda draw: f"ISBN 978-3-16-{draw.randrange(10**6):06}-0",
    "tracking number": lambda draw: f"1Z{_of(draw, _UPPER + string.digits, 16)}",
    "snowflake": lambda draw: f"message id {draw.randrange(10**17, 10**18)}",
    "part number": lambda draw: (
        f"PN {draw.randrange(10**4):04}-{draw.randrange(10**3):03}-{draw.choice(_UPPER)}"
    ),
    "public key": lambda draw: (
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{_of(draw, _WORD + '+/', 43)} anna-laptop"
    ),
    "container": lambda draw: f"registry.local/app/web:{_of(draw, _HEX, 12)}",
    "repository": lambda draw: f"git{chr(64)}github.com:org{draw.randrange(99)}/repo.git",
    "image file": lambda draw: f"logo{chr(64)}2x.png and icon-{draw.randrange(99)}{chr(64)}3x.jpg",
    "action": lambda draw: f"uses: actions/checkout{chr(64)}v{draw.randrange(2, 6)}",
    "base64 of bytes": lambda draw: base64.b64encode(draw.randbytes(48)).decode(),
    "date range": lambda draw: (
        f"2026-01-{draw.randrange(10, 28)} - 2026-02-{draw.randrange(10, 28)}"
    ),
    "score": lambda draw: (
        f"{draw.randrange(100)}-{draw.randrange(100)} at {draw.randrange(24)}:{draw.randrange(60)}"
    ),
}

_HARMLESS = (
    "api_key = os.environ['OPENAI_API_KEY']",
    "password = getpass.getpass('Password: ')",
    "def login(user: str, password: str, token: str | None = None) -> Session: ...",
    "password: str = Field(min_length=12, max_length=128)",
    'api_key="YOUR_API_KEY_HERE"',
    "export ANTHROPIC_API_KEY=sk-ant-...",
    "Set OPENAI_API_KEY to your key (it begins with sk-).",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "postgresql://user:password@localhost/db",
    "postgresql://${DB_USER}:${DB_PASSWORD}@db/app",
    "redis://:@localhost:6379/0",
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "if header.startswith('-----BEGIN PRIVATE KEY-----'): load(header)",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQsw\n-----END",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    "The max_tokens parameter limits completion tokens; token_count=4096.",
    "secret = secrets.token_hex(32)",
    'tokenizer = AutoTokenizer.from_pretrained("gpt2-medium-v2")',
    "primary_key=True, foreign_key='users.id', sort_key=lambda row: row[2]",
    "csrf_token: {{ csrf_token() }}",
    "PASSWORD_HASHERS = ['django.contrib.auth.hashers.Argon2PasswordHasher']",
    "keyboard shortcuts: Ctrl+Shift+P, Alt+F4",
    "@decorator\ndef handler(event, context): return {'statusCode': 200}",
    "See RFC 3986 section 3.2.1, pages 17-19, and ISO 8601-1:2019.",
    "3.14159265358979323846264338327950288419716939937510",
    "0000 0000 0000 0000 and 1111 1111 1111 1112 and 1234 5678 9012 3456",
    "SELECT * FROM users WHERE id IN (1000000001, 1000000002, 1000000003)",
    "Flight LH 1234 leaves at 10:45 from gate B 27; seat 14A, booking ref XK7P2Q.",
    "The IBAN of the company is on the invoice; the BIC is not needed.",
    "Call me tomorrow after 10.",
    "Room 4711, building 12, 3rd floor, 10115 Berlin",
    "#ff00aa #123456 rgba(12, 34, 56, 0.5) 1920x1080 16:9",
    "GET /v1/items/123456789/details?page=2&size=50 200 1532",
    "DE 2026, NL 91 points, GB 29 teams: ABCD 1234 5678 9012",
    "https://example.org/@anna/posts/1234567890",
    "user@localhost and root@db-1 are fine",
    "x-request-id: 7f3e9a1c5d2b4f60",
    "jwt.decode(token, key, algorithms=['HS256'])",
    "eyJ is how base64 of '{\"' begins",
)
