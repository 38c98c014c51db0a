"""Text from a chart, made harmless for GitHub-Flavored Markdown and for HTML."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_AUTOLINK = re.compile(r"(?i)(https?|ftp|mailto|xmpp|javascript|data|vbscript):")
_WWW = re.compile(r"(?i)\bwww\.")
_MARKUP = re.compile(r"[<>&\[\](){}|`*_#\\~]")
_MAIL = re.compile(r"@")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
ELLIPSIS = "…"


def plain(text: str) -> str:
    """Return the text on one line, without control, bidirectional and other invisible characters."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(one) in _HIDDEN else one for one in text)
    return " ".join(text.split())


def escaped(text: str) -> str:
    """Return the text so that it shows as written: no Markdown, no HTML, no link that nobody meant."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = _SPECIAL.sub(r"\\\1", safe)
    safe = _AUTOLINK.sub(r"\1&#58;", safe)
    return _MAIL.sub("&#64;", _WWW.sub("www&#46;", safe))


def bare(text: str) -> str:
    """Return the text without any character that markup could be made of, for lines that are shown as they are."""
    return " ".join(_MARKUP.sub(" ", plain(text)).split())


def cut(text: str, length: int) -> str:
    """Return the text, cut at a word's end where it is longer than `length` characters (code points)."""
    one_line = plain(text)
    if len(one_line) <= length:
        return one_line
    head = one_line[: length - 1]
    word_end = head.rfind(" ")
    return (head[:word_end] if word_end > length // 2 else head).rstrip(" ,;:") + ELLIPSIS
