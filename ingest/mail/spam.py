"""What spam filters in front of us wrote into a mail's headers.

Anybody can write such a header, so a filter must take out those that come from outside. That a mail is spam is believed
from each of them; that it is none, only where no other says that it is.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ingest.mail.headers import Headers
from tickets.message import SpamVerdict

_NUMBER = re.compile(r"[-+]?\d{1,6}(?:\.\d{1,6})?")
_SCORE = re.compile(r"(?:score|hits|spamicity|weight)\s*=\s*([-+]?\d{1,6}(?:\.\d{1,6})?)")
_BRACKET = re.compile(r"\[\s*([-+]?\d{1,6}(?:\.\d{1,6})?)\s*/")
_SCL = re.compile(r"\bscl:\s*(-?\d)")
_CATEGORY = re.compile(r"\bcat:\s*([a-z]+)")
_FILTERED = re.compile(r"\bsfv:\s*([a-z]+)")

_YES = frozenset(
    {"yes", "spam", "true", "fail", "junk", "probable-spam", "reject", "quarantine", "high", "spam-high", "virus"}
)
_NO = frozenset(
    {"no", "ham", "false", "pass", "innocent", "whitelisted", "ok", "not", "notspam", "good", "clean", "legit", "nonspam", "neutral"}
)  # fmt: skip
_WORD = re.compile(r"[a-z-]+")


class _Said(NamedTuple):
    spam: bool | None = None
    score: float | None = None


def _number(value: str) -> float | None:
    match = _NUMBER.search(value)
    return float(match[0]) if match else None


def _score(value: str) -> float | None:
    match = _SCORE.search(value) or _BRACKET.search(value)
    return float(match[1]) if match else None


def _word(value: str) -> _Said:
    """`YES`, `No, score=1.2 required=5`, `Innocent`, `not spam, SpamAssassin (score=…)`, `default: False [2.1 / 15]`."""
    match = _WORD.match(value.removeprefix("default:").strip())
    word = match[0] if match else ""
    return _Said(True if word in _YES else False if word in _NO else None, _score(value))


def _only_score(value: str) -> _Said:
    return _Said(None, _number(value))


def _stars(value: str) -> _Said:
    return _Said(None, float(min(len(value) - len(value.lstrip("*")), 100)) or None)


def _scl(value: str) -> _Said:
    """Microsoft's spam confidence level: -1 trusted, 0 to 4 no spam, 5 to 9 spam."""
    level = _number(value)
    return _Said() if level is None else _Said(level >= 5, level)


def _forefront(value: str) -> _Said:
    """X-Forefront-Antispam-Report: SCL, the filter's verdict SFV and the category CAT."""
    level, category, filtered = _SCL.search(value), _CATEGORY.search(value), _FILTERED.search(value)
    bad = (filtered is not None and filtered[1] in {"spm", "skb", "sks"}) or (
        category is not None
        and category[1] in {"spm", "hspm", "phsh", "hphsh", "hphish", "malw", "spoof", "uimp", "dimp"}
    )
    score = float(level[1]) if level else None
    if bad or (score is not None and score >= 5):
        return _Said(True, score)
    return _Said(False if filtered or level else None, score)


def _proofpoint(value: str) -> _Said:
    """`rule=inbound_notspam policy=… score=0` or `rule=spam …`."""
    rule = value.partition("rule=")[2].partition(" ")[0]
    spam = None if "spam" not in rule else "notspam" not in rule
    return _Said(spam, _score(value))


def _yandex(value: str) -> _Said:
    return _Said({"1": False, "4": True}.get(value.strip()))


def _junk(value: str) -> _Said:
    """GMX, WEB.DE and IONOS: `notjunk:1;…` or `junk:10;…`."""
    return _Said(False if value.startswith("notjunk") else True if value.startswith("junk") else None)


def _virus(value: str) -> _Said:
    return _Said(True if value.strip() == "fail" else None)


def _trend(value: str) -> _Said:
    """`No--6.3-5.0-31-1` or `Yes--25.8-…`."""
    return _Said(value.startswith("yes") if value.startswith(("yes-", "no-")) else None)


_MAILSCANNER = "-mailscanner-spamcheck"
_FILTERS: dict[str, tuple[str, Callable[[str], _Said]]] = {
    "x-spam-flag": ("spamassassin", _word),
    "x-spam-status": ("spamassassin", _word),
    "x-spam-score": ("spamassassin", _only_score),
    "x-spam-level": ("spamassassin", _stars),
    "x-spam": ("rspamd", _word),
    "x-spamd-result": ("rspamd", _word),
    "x-rspamd-score": ("rspamd", _only_score),
    "x-ms-exchange-organization-scl": ("exchange", _scl),
    "x-forefront-antispam-report": ("exchange", _forefront),
    "x-proofpoint-spam-details": ("proofpoint", _proofpoint),
    "x-barracuda-spam-flag": ("barracuda", _word),
    "x-barracuda-spam-status": ("barracuda", _word),
    "x-barracuda-spam-score": ("barracuda", _only_score),
    "x-mimecast-spam-score": ("mimecast", _only_score),
    "x-vr-spamstate": ("vade", _word),
    "x-vr-spamscore": ("vade", _only_score),
    "x-ovh-spam-status": ("vade", _word),
    _MAILSCANNER: ("mailscanner", _word),
    "x-ses-spam-verdict": ("amazon-ses", _word),
    "x-ses-virus-verdict": ("amazon-ses", _virus),
    "x-spam-verdict": ("spam-verdict", _word),
    "x-dspam-result": ("dspam", _word),
    "x-bogosity": ("bogofilter", _word),
    "x-spamexperts-class": ("spamexperts", _word),
    "x-ui-filterresults": ("gmx", _junk),
    "x-yandex-spam": ("yandex", _yandex),
    "x-tm-as-result": ("trendmicro", _trend),
    "x-hmailserver-spam": ("hmailserver", _word),
    "x-smartermail-totalspamweight": ("smartermail", _only_score),
}


def spam_verdict(headers: Headers) -> SpamVerdict | None:
    """Return the verdict of the filters that looked at the mail, None when none did; never raises.

    One that says spam comes before one that says no spam, and that before one that only counts. The score is on the
    scale of the filter `by` names.
    """
    # MailScanner's header has the name of its site in the middle: X-Acme-MailScanner-SpamCheck.
    found = [(name, raw) for name, raw in headers.fields if name in _FILTERS or _MAILSCANNER in name]
    if not found:
        return None
    verdicts: dict[str, _Said] = {}
    for name, raw in sorted(found, key=lambda one: one[0] == "x-spam-level"):  # stars are a score without its fraction
        by, read = _FILTERS.get(name, _FILTERS[_MAILSCANNER])
        said = read(raw[:2000].decode("latin-1").strip().lower())
        before = verdicts.get(by, _Said())
        spam = True if before.spam or said.spam else before.spam if said.spam is None else said.spam
        verdicts[by] = _Said(spam, said.score if before.score is None else before.score)
    told = {by: said for by, said in verdicts.items() if said != _Said()}
    if not told:
        return None
    by, said = min(told.items(), key=lambda item: (True, False, None).index(item[1].spam))
    return SpamVerdict(by=by, spam=said.spam, score=said.score)
