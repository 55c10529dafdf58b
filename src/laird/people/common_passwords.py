"""Passwords that everybody tries first, and those that begin with one of them.

Only what has twelve characters or more is of interest, since shorter ones are refused anyway.
"""

from __future__ import annotations

import re

_LISTED = """
000000000000 010101010101 102030405060 111111111111 112233445566 121212121212 123123123123
1234512345 123456123456 123456789000 1234567890123 12345678910 123456789101 1234567891011
123456789abc 1234567890qw 1234567890qwertyuiop 12345qwertasdfg 123qweasdzxc 123qwe123qwe
1q2w3e4r5t6y 1q2w3e4r5t6y7u8i9o0p 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc q1w2e3r4t5y6
qazwsxedcrfv qwertyuiop123 qwertyuiop12 qwertyuiop[] qwertyuiopasdfgh qwertyuiopasdfghjklzxcvbnm
qwertyqwerty qwerty123456 qwerty12345678 qweasdzxc123 qwer1234asdf asdfghjkl123 asdfghjkl;'
zxcvbnm12345 zaq12wsxcde3 !qaz2wsx#edc abcdefghijkl abcdefghijklmnop abcdefghijklmnopqrstuvwxyz
abcd1234abcd abc123abc123 a1b2c3d4e5f6 aa123456aa12 password1234 password12345 password123456
password123! password1234! passwordpassword passw0rd1234 p@ssw0rd1234 p@ssword1234 mypassword123
newpassword1 newpassword123 changeme1234 changemeplease letmein12345 letmeinplease welcome12345
welcome123456 administrator administrator1 admin1234567 adminadminadmin admin12345678 rootrootroot
toor12345678 iloveyou1234 iloveyouforever ilovemyfamily iloveyousomuch princess1234 sunshine1234
football1234 baseball1234 basketball12 liverpool123 manchester123 chocolate123 computer1234
internet1234 superman1234 spiderman123 batman123456 pokemon12345 starwars1234 trustno1trustno1
whatever1234 monkey123456 dragon123456 master123456 shadow123456 michael12345 jennifer1234
jordan123456 alexander123 charlie12345 mercedes1234 christopher1 elizabeth123
correcthorsebatterystaple correct-horse-battery-staple opensesame123 secretsecret secret123456
supersecret1 supersecret123 topsecret123 mysecret1234 defaultdefault guestguestguest testtesttest
test12345678 testing12345 localhost1234 raspberrypi1 ubuntu123456 kubernetes123 docker123456
openai123456 chatgpt12345 summer2023summer winter2024winter january12345 december1234
blink182blink tinkerbell12 thunderbird1 hello1234567 helloworld12 helloworld123 helloworld1234
goodmorning1 goodbye12345
"""
_COMMON = frozenset(_LISTED.split()) | {"correct horse battery staple"}

_STEMS = re.compile(
    r"(?:password|passw0rd|p@ssw0rd|p@ssword|qwerty|qwertz|azerty|letmein|welcome|iloveyou|admin"
    r"|administrator|changeme|secret|summer|winter|spring|autumn|monkey|dragon|football|sunshine"
    r"|princess|login|master|hello)+[\W_]*\d*[\W_]*"
)


def is_common(password: str) -> bool:
    """Tell whether a password, in lower case, is one that is tried first."""
    return (
        password in _COMMON
        or _STEMS.fullmatch(password) is not None
        or "0123456789012345678901234567890".find(password) >= 0
        or "98765432109876543210987654321".find(password) >= 0
    )
