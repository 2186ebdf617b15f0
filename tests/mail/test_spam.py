"""The verdicts of spam filters in front of us, as each writes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mail.headers import Headers
from ingest.mail.spam import _FILTERS, spam_verdict
from tickets.message import SpamVerdict

SAID: list[tuple[str, str, bool | None, float | None]] = [
    ("X-Spam-Flag: YES", "spamassassin", True, None),
    ("X-Spam-Status: Yes, score=15.2 required=5.0 tests=BAYES_99", "spamassassin", True, 15.2),
    ("X-Spam-Status: No, hits=-1.9 required=5.0", "spamassassin", False, -1.9),
    ("X-Spam-Flag: NO\nX-Spam-Score: 2.1", "spamassassin", False, 2.1),
    ("X-Spam-Level: *****", "spamassassin", None, 5.0),
    ("X-Spam-Level: *****\nX-Spam-Status: Yes, score=5.7", "spamassassin", True, 5.7),
    ("X-Spam: Yes", "rspamd", True, None),
    ("X-Spam: Not detected", "rspamd", False, None),
    ("X-Spamd-Result: default: False [2.10 / 15.00]; ARC_NA(0.00)", "rspamd", False, 2.1),
    ("X-Spamd-Result: default: True [18.10 / 15.00]", "rspamd", True, 18.1),
    ("X-Rspamd-Score: -3.2", "rspamd", None, -3.2),
    ("X-MS-Exchange-Organization-SCL: -1", "exchange", False, -1),
    ("X-MS-Exchange-Organization-SCL: 6", "exchange", True, 6),
    (
        "X-Forefront-Antispam-Report: CIP:192.0.2.1;CTRY:DE;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;CAT:NONE;",
        "exchange",
        False,
        1,
    ),
    ("X-Forefront-Antispam-Report: CIP:192.0.2.1;SCL:5;SFV:SPM;CAT:SPM;", "exchange", True, 5),
    ("X-Forefront-Antispam-Report: CIP:192.0.2.1;SCL:-1;SFV:SKN;", "exchange", False, -1),
    ("X-Forefront-Antispam-Report: CIP:192.0.2.1;CAT:PHSH;", "exchange", True, None),
    ("X-Proofpoint-Spam-Details: rule=inbound_notspam policy=inbound score=12 mlx=0", "proofpoint", False, 12),
    ("X-Proofpoint-Spam-Details: rule=spam policy=default score=100", "proofpoint", True, 100),
    ("X-Barracuda-Spam-Status: No, SCORE=0.50 using global scores of TAG_LEVEL=3.5", "barracuda", False, 0.5),
    ("X-Barracuda-Spam-Flag: YES", "barracuda", True, None),
    ("X-Mimecast-Spam-Score: 3", "mimecast", None, 3),
    ("X-VR-SPAMSTATE: SPAM\nX-VR-SPAMSCORE: 300", "vade", True, 300),
    ("X-Ovh-Spam-Status: OK", "vade", False, None),
    (
        "X-Acme-MailScanner-SpamCheck: not spam, SpamAssassin (not cached, score=1.2, required 6)",
        "mailscanner",
        False,
        1.2,
    ),
    ("X-MailScanner-SpamCheck: spam, SpamAssassin (score=9.1, required 6)", "mailscanner", True, 9.1),
    ("X-SES-Spam-Verdict: PASS", "amazon-ses", False, None),
    ("X-SES-Spam-Verdict: PASS\nX-SES-Virus-Verdict: FAIL", "amazon-ses", True, None),
    ("X-Spam-Verdict: spam", "spam-verdict", True, None),
    ("X-DSPAM-Result: Innocent", "dspam", False, None),
    ("X-Bogosity: Spam, tests=bogofilter, spamicity=0.99, version=1.2.5", "bogofilter", True, 0.99),
    ("X-UI-Filterresults: junk:10;V03:K0:x", "gmx", True, None),
    ("X-Yandex-Spam: 1", "yandex", False, None),
    ("X-TM-AS-Result: Yes--25.8-5.0-31-1", "trendmicro", True, None),
]


def headers(text: str) -> Headers:
    fields = (line.partition(":") for line in text.split("\n"))
    return Headers(tuple((name.lower(), value.strip().encode()) for name, _, value in fields))


@pytest.mark.parametrize(("text", "by", "spam", "score"), SAID)
def test_a_filters_verdict(text: str, by: str, spam: bool | None, score: float | None) -> None:
    assert spam_verdict(headers(text)) == SpamVerdict(by=by, spam=spam, score=score)


@pytest.mark.parametrize(
    "text", ["Subject: spam", "X-Spam-Flag: perhaps", "X-Yandex-Spam: 7", "X-Spam-Level:", "X-Spam:"]
)
def test_no_verdict_is_none(text: str) -> None:
    assert spam_verdict(headers(text)) is None


def test_one_filter_that_says_spam_comes_before_the_others() -> None:
    both = "X-Spam: no\nX-Mimecast-Spam-Score: 1\nX-MS-Exchange-Organization-SCL: 9\nX-SES-Spam-Verdict: PASS"
    assert spam_verdict(headers(both)) == SpamVerdict(by="exchange", spam=True, score=9)


def test_a_sender_who_says_no_spam_does_not_undo_the_filters_yes() -> None:
    assert spam_verdict(headers("X-Spam-Flag: YES\nX-Spam-Flag: NO")) == SpamVerdict(by="spamassassin", spam=True)


VALUES = st.text(max_size=30) | st.sampled_from(
    ["yes", "no", "SCL:9", "score=" + "9" * 50, "[1 /", "*" * 500, "-", "1e999", "nan"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(_FILTERS)), VALUES), max_size=10))
def test_any_value_is_read(fields: list[tuple[str, str]]) -> None:
    verdict = spam_verdict(Headers(tuple((name, value.encode()) for name, value in fields)))
    assert verdict is None or verdict.spam is not None or verdict.score is not None
