"""What somebody newly wrote in a mail: without the older mail quoted in it, the signature and the disclaimers.

Mail programs agree on nothing here (RFC 3676 says only what `>` and `-- ` are), so this cuts where it is sure and otherwise
keeps everything: too much to read costs an agent a moment, a lost sentence costs a customer. Every line is looked at a
fixed number of times, and no pattern sees more than a few hundred characters.
"""

from collections.abc import Sequence

from ingest.mail.reply.heading import MAX_LABEL, is_block, is_forward, is_original, is_reply_above, lotus_begins
from ingest.mail.reply.intro import Intro, ends_like_intro, intro_at, intro_before_text
from ingest.mail.reply.signature import is_device, is_rule, without_banner, without_signature

_MAX_LINES = 20_000
_MAX_LINE = 2000
_MAX_CITED = 8
_POSTED = ("Posted by ", "posted by ")
_LOTUS_TO = frozenset({"To", "An", "to", "an"})
_EMPTY, _OWN, _QUOTED = "e", "o", "q"


def new_text(text: str) -> str:
    """Return the newly written part of a message's text; all of it when that cannot be told for sure.

    Answers above, below and between the quotations stay, the latter with what they answer; so do forwarded mails. Linear
    in the length, never raises.
    """
    if text.count("\n") > _MAX_LINES:
        return text.strip()
    lines = text.split("\n")
    if "-----BEGIN PGP SIG" in text:
        lines = _without_pgp(lines)
    return "\n".join(_new(without_banner(lines), begun=False)).strip() or text.strip()


def _without_pgp(lines: Sequence[str]) -> list[str]:
    """Leave out the frame of a text signed in place (RFC 9580, 7)."""
    bare = [line.strip() for line in lines]
    end = bare.index("-----BEGIN PGP SIGNATURE-----") if "-----BEGIN PGP SIGNATURE-----" in bare else len(lines)
    if "-----BEGIN PGP SIGNED MESSAGE-----" not in bare[:end]:
        return list(lines)
    begin = bare.index("-----BEGIN PGP SIGNED MESSAGE-----")
    blank = next((at for at in range(begin, end) if not bare[at]), begin)
    return [*lines[:begin], *lines[blank + 1 : end]]


def _new(lines: Sequence[str], *, begun: bool) -> list[str]:
    """Return the new lines; `begun` says that own words stood before them, so that older ones may begin at once."""
    kinds = "".join([_OWN if line[:1].isalnum() else _kind(line) for line in lines])
    fenced = something = False
    for at, kind in enumerate(kinds):
        if kind == _EMPTY:
            continue
        bare = lines[at].strip()
        if bare.startswith("```"):
            fenced = not fenced
        elif kind == _QUOTED and not fenced:
            return _around(lines, kinds, _intro_in_quote(lines, at) or Intro(at, at - 1, 0, dated=False))
        elif not fenced and _may_matter(bare):
            found = _older(lines, kinds, at, begun=begun, something=something or begun)
            if found is not None:
                return found
        something = True
    return without_signature(_without_devices(lines), all_of_it=begun)


def _may_matter(bare: str) -> bool:
    """Tell quickly whether a program may have written this line above an older mail: most lines are plain words."""
    if not bare[0].isalnum() or bare[-1] in ":\uff1a>-" or ":" in bare[:MAX_LABEL] or "\uff1a" in bare[:MAX_LABEL]:
        return len(bare) < _MAX_LINE
    if "bove" in bare or ":   " in bare or bare.startswith(_POSTED):
        return len(bare) < _MAX_LINE
    return ends_like_intro(bare) or bare in _LOTUS_TO or (len(bare) < 40 and is_original(bare))


def _kind(line: str) -> str:
    bare = line.lstrip()
    if not bare:
        return _EMPTY
    return _QUOTED if bare[0] == ">" or bare.startswith("&gt;") else _OWN


def _older(lines: Sequence[str], kinds: str, at: int, *, begun: bool, something: bool) -> list[str] | None:
    """Return the new lines when an older or a forwarded mail begins at this line, None when none does."""
    bare = lines[at].strip()
    if is_forward(bare) and not begun:
        return list(lines)
    if something and (is_reply_above(bare) or intro_before_text(bare)):
        return _own(lines[:at])
    begin = _heading_begins(lines, bare, at)
    intro = Intro(begin, at, 0, dated=True) if begin is not None else intro_at(lines, at, 0)
    if intro is None:
        return None
    following = _next(kinds, intro.end + 1)
    if following < len(lines) and kinds[following] == _QUOTED:
        return _around(lines, kinds, intro)
    if not intro.dated:
        return None
    return _own(_before(lines, intro)) if something or intro.column else list(lines)


def _own(lines: Sequence[str]) -> list[str]:
    return without_signature(_without_devices(lines))


def _heading_begins(lines: Sequence[str], bare: str, at: int) -> int | None:
    """Return where a heading that a program puts above an older mail begins, None when this line is not of one."""
    if (":" in bare or "\uff1a" in bare) and is_block(lines, at):
        return at
    if (not bare[0].isalnum() or bare[0] in "oOpP") and is_original(bare):
        return at
    return lotus_begins(lines, at) if bare in _LOTUS_TO or "---" in bare else None


def _next(kinds: str, at: int) -> int:
    while at < len(kinds) and kinds[at] == _EMPTY:
        at += 1
    return at


def _before(lines: Sequence[str], intro: Intro) -> list[str]:
    """Return what stands above the older mail, without a rule right above it."""
    if intro.column:
        return [*lines[: intro.begin], lines[intro.begin][: intro.column]]
    return list(lines[: _over_rule(lines, intro.begin)])


def _over_rule(lines: Sequence[str], at: int) -> int:
    """Return where the cut begins when a rule of dashes or underscores stands above it."""
    above = at - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    return above if above > 0 and is_rule(lines[above]) else at


def _intro_in_quote(lines: Sequence[str], at: int) -> Intro | None:
    """Return the intro whose address was wrapped so that its last line begins with the `>` that ends the address."""
    line = lines[at]
    if at == 0 or len(line) > 60 or not line.rstrip().endswith((":", "\uff1a")) or "<" not in lines[at - 1]:
        return None
    whole = [*lines[max(at - 3, 0) : at], line.lstrip(" >")]
    intro = intro_at(whole, len(whole) - 1, 0)
    if intro is None or not intro.dated:
        return None
    return Intro(at - len(whole) + 1 + intro.begin, at, 0, dated=True)


def _around(lines: Sequence[str], kinds: str, intro: Intro) -> list[str]:
    """Return the new lines of a mail with a quotation, which begins at the intro or without one."""
    head = _before(lines, intro)
    quote = _next(kinds, intro.end + 1)
    last = kinds.rfind(_QUOTED)
    tail = _new(lines[last + 1 :], begun=True) if last + 1 < len(lines) else []
    tail = tail if any(_kind(line) == _OWN for line in tail) else []
    between = _answers(lines, kinds, quote, last)
    if between:
        if not tail:
            last = between[-1]
        kept = _without_intros(lines, quote, last + 1)
        return without_signature([*_without_devices(head), *kept, *tail])
    head = _without_devices(head)
    if not tail:
        head = without_signature(head)
        return head if any(line.strip() for line in head) else list(lines)
    if intro.end < intro.begin and last - quote < _MAX_CITED and not _says_whose(lines, quote):
        return [*head, *lines[quote : last + 1], *tail]
    return [*head, *tail]


def _says_whose(lines: Sequence[str], quote: int) -> bool:
    """Tell whether the quotation itself begins with an "On … wrote:", as Apple's do."""
    top = [line.lstrip(" >") for line in lines[quote : quote + 3]]
    return any(intro_at(top, at, 0) is not None for at in range(len(top)))


def _answers(lines: Sequence[str], kinds: str, begin: int, end: int) -> list[int]:
    """Return the lines between quotations that somebody wrote: not what a mail program wrapped off a quoted line."""
    found = []
    for at in range(begin, end) if _OWN in kinds[begin:end] else ():
        if kinds[at] != _OWN:
            continue
        wrapped = kinds[at - 1] == _QUOTED and kinds[at + 1] == _QUOTED and _goes_on(lines[at - 1], lines[at])
        if not wrapped and not is_device(lines[at]) and not _ends_intro(lines, at):
            found.append(at)
    return found


def _goes_on(quoted: str, line: str) -> bool:
    """Tell whether a program wrapped the line off the quoted one above: the rest of a sentence, or of a link."""
    line = line.strip()
    link = quoted[-200:].rpartition("(http")
    if (link[1] and ")" not in link[2]) or line.startswith(("(http", "<http")):
        return True
    return len(quoted) >= 60 > len(line) and line[0].islower() and quoted.rstrip()[-1] not in ".?!:"


def _ends_intro(lines: Sequence[str], at: int) -> bool:
    return any(intro_at(lines, end, at) is not None for end in range(at, min(at + 2, len(lines))))


def _without_intros(lines: Sequence[str], begin: int, end: int) -> list[str]:
    kept: list[str] = []
    for at in range(begin, end):
        intro = intro_at(lines, at, begin) if len(lines[at]) < _MAX_LINE and _kind(lines[at]) == _OWN else None
        if intro is not None and intro.dated:
            del kept[len(kept) - (at - intro.begin) :]
        else:
            kept.append(lines[at])
    return kept


def _without_devices(lines: Sequence[str]) -> list[str]:
    """Leave out what a phone added, which may stand between the answer and the quotation or above the answer."""
    empty = [True, *(not line or line.isspace() for line in lines), True]
    alone = [at for at in range(len(lines)) if empty[at] and empty[at + 2] and not empty[at + 1]]
    devices = {at for at in alone if is_device(lines[at])}
    return [line for at, line in enumerate(lines) if at not in devices] if devices else list(lines)
