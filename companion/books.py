"""Longer texts: five books that are fetched once, and any text of your own.

    text = load_book("time_machine")       # from the network once, then from the cache
    text = load_text("my_diary.txt")       # a file of your own
    ids = Vocabulary.build(characters(text)).encode(characters(text))

Where `load_book(name)` looks, in this order:

1. in the folder that the environment variable UNROLLED_BOOKS names, for `name`.txt;
2. in the cache, a folder `unrolled` where this system keeps such files;
3. at the book's address. The file is checked before it enters the cache.

The check is the same in all three places. The Time Machine must have the checksum of
the file that D2L (Zhang et al., Dive into Deep Learning) trains on. Project Gutenberg
corrects its books now and then, so there the number of the book, the title, the two
lines that mark its start and end, and the length decide; they catch a wrong or a
shortened file. A text that passes them and yet has not the words this course knows is
used, with a warning.
"""

import codecs
import hashlib
import os
import re
import warnings
from pathlib import Path
from typing import NamedTuple

from companion import validate
from companion.download import cache, download

__all__ = ["BOOKS", "Book", "load_book", "load_text"]

FOLDER = "UNROLLED_BOOKS"
D2L = "https://d2l-data.s3-accelerate.amazonaws.com"
GUTENBERG = "https://www.gutenberg.org"
ANOTHER_EDITION = 0.05  # the share by which the length of a book may differ
DOCUMENTS = (b"%PDF", b"PK\x03\x04", b"{\\rtf")  # how PDF, Word and RTF files begin


class Book(NamedTuple):
    """What identifies a book.

    title: as Project Gutenberg's marker lines have it.
    number: its number there; None for D2L's file.
    length: characters, without what Project Gutenberg adds at both ends.
    sha256: of the text as UTF-8 with Unix line ends; for a book of Project Gutenberg
        of its words with single spaces between them.
    """

    title: str
    number: int | None
    length: int
    sha256: str


BOOKS = {
    "time_machine": Book(
        "The Time Machine",
        None,
        178_979,
        "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
    ),
    "war_of_the_worlds": Book(
        "The War of the Worlds",
        36,
        337_431,
        "f8900d6c157a8c63200d90d3bc5366662adeb19ab0e8ae441c98887296e71fe0",
    ),
    "island_of_doctor_moreau": Book(
        "The Island of Doctor Moreau",
        159,
        241_160,
        "ad88564b24959fd7ca04ed5c3c61d17c24fea39c94f84f9ebb3b0a7049dfdf4d",
    ),
    "frankenstein": Book(
        "Frankenstein; Or, The Modern Prometheus",
        84,
        419_336,
        "382af7be83366491837819badbb06f54d746a432b0314667fa4ffad76691862f",
    ),
    "alice_in_wonderland": Book(
        "Alice's Adventures in Wonderland",
        11,
        144_601,
        "7b602fa53ecd75063d7ed200a1ff7da238f8087e93d84dbad0825aa63cae4976",
    ),
}


def load_book(name: str = "time_machine", *, progress: bool | None = None) -> str:
    """The text of one of `BOOKS`; Unix line ends, the lines of the print kept.

    progress: a bar while a download lasts, once it has lasted a second. None: unless
        the environment variable TQDM_DISABLE is set.

    Raises ConnectionError if the book cannot be fetched and ValueError if what is in
    your folder, or came, is not the book. Both say what to do. Nothing unchecked is
    ever left in the cache.
    """
    validate.one_of("name", name, tuple(BOOKS))
    text = from_folder(name)
    if text is None:
        text = from_cache(name)
    if text is None:
        text = from_network(name, progress)
    if fingerprint(name, text) != BOOKS[name].sha256:
        warnings.warn(
            f"{BOOKS[name].title}: Project Gutenberg has changed its text since this "
            "course was written. It is used as it is; results can differ a little.",
            stacklevel=2,
        )
    return text


def load_text(path, *, encoding: str = "utf-8") -> str:
    """The text in a file of your own, with Unix line ends.

    path: a plain text file; a leading ~ is your home folder.
    encoding: how the file's bytes spell characters. A byte order mark is taken away.

    Raises FileNotFoundError, IsADirectoryError, or ValueError for a file that is empty,
    is not plain text or is not in this encoding, with the first byte that does not fit
    and what to do.
    """
    try:
        path = Path(path).expanduser()
    except TypeError:
        came = type(path).__name__
        raise TypeError(f"path must be the name of a file, got {came}") from None
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name one text file in it")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path.absolute()}")
    data = path.read_bytes()
    try:
        return decode(data, codecs.lookup(encoding).name)
    except LookupError:
        raise ValueError(f"encoding {encoding!r} is not known to Python") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}. {advice(data)}") from None


def address(name):
    """Where the book is on the network."""
    number = BOOKS[name].number
    if number is None:
        return f"{D2L}/timemachine.txt"
    return f"{GUTENBERG}/cache/epub/{number}/pg{number}.txt"


def by_hand(name):
    return (
        f"To do it by hand, save {address(name)} as {name}.txt in a folder of your own "
        f"and set the environment variable {FOLDER} to that folder."
    )


def from_folder(name):
    """The book in the reader's folder, or None if it is not there."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise ValueError(f"{FOLDER} must name a folder, got {folder!r}")
    path = Path(folder) / f"{name}.txt"
    if not path.is_file():
        return None
    try:
        return parse(name, path.read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{path} is not the file wanted for {BOOKS[name].title}: {error}. Save "
            f"{address(name)} in its place; for a text of your own use load_text."
        ) from None


def from_cache(name):
    """The book in the cache, or None if it is not there or has been damaged since."""
    path = cache() / f"{name}.txt"
    if not path.is_file():
        return None
    try:
        return parse(name, path.read_bytes())
    except ValueError:
        path.unlink(missing_ok=True)
        return None


def from_network(name, progress):
    """The book from its address, by way of the cache."""
    path = cache() / f"{name}.txt"
    title = BOOKS[name].title
    try:
        download(address(name), path, lambda data: parse(name, data), progress)
    except ConnectionError as error:
        raise ConnectionError(
            f"{title} could not be fetched: {error}. {by_hand(name)}"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{title}: what came is not the whole book: {error}. Nothing of it was "
            f"kept. Try again later. {by_hand(name)}"
        ) from None
    return parse(name, path.read_bytes())


def decode(data: bytes, encoding: str = "utf-8") -> str:
    """The text that these bytes spell. Raises ValueError with what is wrong."""
    if is_blank(data):
        raise ValueError("the file is empty")
    if data.startswith(DOCUMENTS):
        raise ValueError("this is a document, not plain text")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"byte {error.start} (0x{data[error.start]:02x}, in line {line}) is not "
            f"{encoding} text"
        ) from None
    if "\0" in text:
        at = text.index("\0")
        raise ValueError(f"character {at} is a zero, so this is not {encoding} text")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def advice(data: bytes) -> str:
    """What to do with a file that `decode` refused."""
    if is_blank(data):
        return "Save some text in it first."
    if data.startswith(DOCUMENTS):
        return "Save it as plain text, a .txt file, first."
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "It begins as UTF-16 does: load_text(path, encoding='utf-16')."
    if b"\0" in data:
        return "If an editor shows it as text, save it from there as UTF-8."
    return (
        "Save it as UTF-8 in an editor or, if it comes from an older program, try "
        "load_text(path, encoding='cp1252')."
    )


def is_blank(data):
    return not data.removeprefix(codecs.BOM_UTF8).strip()


def parse(name, data: bytes) -> str:
    """The book in the bytes of a file. Raises ValueError if they are not the book."""
    text, book = decode(data), BOOKS[name]
    if book.number is None:
        if fingerprint(name, text) != book.sha256:
            raise ValueError(
                f"its SHA-256 is {fingerprint(name, text)}, not {book.sha256}"
            )
        return text
    start, end = marker("START", text), marker("END", text)
    if start is None:
        raise ValueError("the line *** START OF THE PROJECT GUTENBERG ... is missing")
    if end is None or end.start() < start.end():
        raise ValueError("the line *** END OF THE PROJECT GUTENBERG ... is missing")
    if letters(start["title"]) != letters(book.title):
        raise ValueError(f"it is {start['title']!r}")
    if f"[ebook #{book.number}]" not in text[: start.start()].casefold():
        raise ValueError(f"it does not say that it is number {book.number}")
    text = text[start.end() : end.start()].strip() + "\n"
    if abs(len(text) - book.length) > ANOTHER_EDITION * book.length:
        raise ValueError(f"it has {len(text):,} characters, not about {book.length:,}")
    return text


def letters(title):
    """Without marks: Project Gutenberg has changed its apostrophes before."""
    return re.sub(r"\W+", " ", title).casefold()


def marker(which, text):
    """Project Gutenberg's line before the book or after it, or None."""
    return re.search(
        rf"^[ \t]*\*\*\* ?{which} OF TH(?:E|IS) PROJECT GUTENBERG EBOOK "
        r"(?P<title>.*?) ?\*\*\*[ \t]*$",
        text,
        re.MULTILINE | re.IGNORECASE,
    )


def fingerprint(name, text):
    """The SHA-256 that `Book.sha256` speaks of."""
    if BOOKS[name].number is not None:
        text = " ".join(text.split())
    return hashlib.sha256(text.encode()).hexdigest()
