"""What a file is by its bytes, and under which name it may be saved."""

import io
import unicodedata
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.sniff import LONGEST_NAME, is_dangerous, is_shown, other_than, safe_name, sniff

EXE = "application/vnd.microsoft.portable-executable"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def archive(*names: str, stored: bytes = b"content") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, stored)
    return made.getvalue()


KNOWN = {
    "png": (PNG, "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
    "webp": (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    "bmp": (b"BM\x36\x10\0\0\0\0\0\0\x36", "image/bmp"),
    "heic": (b"\0\0\0\x18ftypheic", "image/heic"),
    "mp4": (b"\0\0\0\x18ftypisom", "video/mp4"),
    "pdf": (b"%PDF-1.7\n", "application/pdf"),
    "program": (b"MZ\x90\0\x03\0\0\0", EXE),
    "linux_program": (b"\x7fELF\x02\x01\x01", "application/x-elf"),
    "script": (b"#!/bin/sh\nrm -rf /", "text/x-shellscript"),
    "shortcut": (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0", "application/x-ms-shortcut"),
    "zip": (archive("a.txt"), "application/zip"),
    "docx": (archive("[Content_Types].xml", "word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": (archive("[Content_Types].xml", "xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "odt": (archive("mimetype", stored=b"application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
    "jar": (archive("META-INF/MANIFEST.MF"), "application/java-archive"),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(8), "application/x-ole-storage"),
    "tar": (b"a" + bytes(256) + b"ustar\x0000", "application/x-tar"),
    "html": (b"<!DOCTYPE html><p>", "text/html"),
    "html_after_blanks": (b" \r\n\t<ScRiPt>alert(1)</script>", "text/html"),
    "html_with_mark": (b"\xef\xbb\xbf<html>", "text/html"),
    "html_as_utf16": ("<html>".encode("utf-16"), "text/html"),
    "html_in_xml": (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', "text/html"),
    "html_after_remark": (b"<!-- hello --><script>", "text/html"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">', "image/svg+xml"),
    "svg_in_xml": (b'<?xml version="1.0"?><!-- made --><svg:svg >', "image/svg+xml"),
    "xml": (b'<?xml version="1.0"?><invoice/>', "text/xml"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "kind"), KNOWN.values(), ids=KNOWN)
def test_a_file_is_known_by_its_bytes(data: bytes, kind: str) -> None:
    assert sniff(data) == kind


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ is how my name begins", b"BMW 320, year 2019", b"II. of May", b"Hello <b>Ann</b>", b"PK", b"<3", b"< 5 EUR", b"\xff\xfe"],
)  # fmt: skip
def test_a_text_is_no_program_because_of_its_first_letters(data: bytes) -> None:
    assert sniff(data) is None


@given(st.binary(max_size=200))
@example(b"PK\3\4" + b"\xff" * 40)
@example(b"PK\3\4")
@example(b"\xff\xfe<\0h")
def test_any_bytes_are_something_or_nothing(data: bytes) -> None:
    for _, begin in ((0, b""), *((1, known[:12]) for known, _ in KNOWN.values())):
        assert sniff(begin + data) is None or "/" in str(sniff(begin + data))


@pytest.mark.parametrize(
    ("claimed", "name", "found"),
    [
        ("image/png", "program", EXE),
        ("text/plain", "html", "text/html"),
        ("application/octet-stream", "pdf", "application/pdf"),
        ("image/png", "svg", "image/svg+xml"),
        ("application/pdf", "zip", "application/zip"),
        ("application/vnd.oasis.opendocument.text", "jar", "application/java-archive"),
        ("image/jpg", "jpeg", None),
        ("application/x-zip-compressed", "zip", None),
        ("application/msword", "doc", None),
        ("application/zip", "docx", None),
        ("application/xhtml+xml", "html_in_xml", None),
        ("application/xml", "xml", None),
        ("application/x-pdf", "pdf", None),
        ("text/csv", "png", "image/png"),
    ],
)
def test_only_what_contradicts_the_claim_is_told(claimed: str, name: str, found: str | None) -> None:
    assert other_than(claimed, KNOWN[name][0]) == found


def test_text_that_is_of_no_known_type_contradicts_nothing() -> None:
    assert other_than("image/png", b"hello") is None


@pytest.mark.parametrize(
    ("filename", "kinds"),
    [
        ("invoice.pdf.exe", ("application/pdf",)),
        ("invoice.exe. ", ("application/pdf",)),
        ("invoice\u202efdp.exe", ("application/pdf",)),
        ("INVOICE.SCR", ("image/png",)),
        ("page.svg", ("image/png",)),
        ("picture.png", ("image/png", "text/html")),
        ("", ("Text/HTML",)),
        ("macro.docm", ()),
    ],
)
def test_what_may_do_something_is_dangerous_whatever_it_says_it_is(filename: str, kinds: tuple[str, ...]) -> None:
    assert is_dangerous(filename, *kinds)


@pytest.mark.parametrize("filename", ["invoice.pdf", "exe", "photo.JPG", "invoice.xml", ""])
def test_what_only_holds_something_is_not(filename: str) -> None:
    assert not is_dangerous(filename, "application/pdf", None)


def test_nothing_dangerous_is_shown_in_a_page() -> None:
    assert is_shown("image/png")
    assert [kind for _, kind in KNOWN.values() if is_shown(kind) and is_dangerous("", kind)] == []
    assert not any(is_shown(kind) for kind in ("text/html", "image/svg+xml", "application/pdf", "text/plain"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("invoice 7.pdf", "invoice 7.pdf"),
        ("Überweisung – März.pdf", "Überweisung – März.pdf"),  # noqa: RUF001  # a dash people do write
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\0b\x1b[2J\r\nc\u200b.txt", "ab[2J c.txt"),
        ("aux.txt", "_aux.txt"),
        ("COM1", "_COM1"),
        ("lpt².log", "_lpt².log"),
        ("notes.txt:stream", "notes.txt_stream"),
        ("what? <a>|*.doc", "what_ _a___.doc"),
        (".htaccess", "htaccess"),
        ("-rf", "rf"),
        ("name. . ", "name"),
        ("\ud800.pdf", "pdf"),
        ("..", "attachment"),
        ("", "attachment"),
    ],
)
def test_a_name_is_one_harmless_word_for_a_file(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(
    st.text(max_size=400)
    | st.sampled_from(["CON", "nul.", "x" * 999 + ".pdf", "ä" * 500, "a." + "b" * 300, "/" * 2000])
)
@example("_con.txt")
@example("%con")
@example("-con")
def test_a_safe_name_is_safe_whatever_it_was(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= LONGEST_NAME
    assert not set(safe) & set('/\\<>:"|?*%\0')
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in safe)
    assert safe == safe.strip(" .")
    assert safe.partition(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_name("x" * 5000 + ".pdf").endswith("x.pdf")
