"""Books over a server on this machine: what may go wrong, and what is left behind.

Nothing here touches the network: both addresses lead to the local server, and the
books of the tests are a few lines long.
"""

import gc
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from companion import books, download, text
from companion.books import BOOKS, Book, load_book, load_text

HEADER = """The Project Gutenberg eBook of {title}

Title: {title}
Release date: October 1, 1993 [eBook #{number}]

*** START OF THE PROJECT GUTENBERG EBOOK {marked} ***

"""
FOOTER = """
        *** END OF THE PROJECT GUTENBERG EBOOK {marked} ***

and the licence
"""
STORY = "It was a dark night; “the sea” was loud.\n\nNobody slept.\n" * 30
PLAIN = (
    "The Time Machine, by H. G. Wells [1898]\n\nI\n\nThe Time Traveller spoke.\n" * 9
)


def gutenberg(body=STORY, name="frankenstein", number=None):
    """The file as Project Gutenberg serves it: a byte order mark, DOS line ends."""
    title = BOOKS[name].title
    number = BOOKS[name].number if number is None else number
    names = {"title": title, "number": number, "marked": title.upper()}
    whole = HEADER.format(**names) + body + FOOTER.format(**names)
    return b"\xef\xbb\xbf" + whole.replace("\n", "\r\n").encode()


def sha(words):
    return hashlib.sha256(words.encode()).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers with what a test has put into `files`, and counts the questions."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.asked = {}, []
        self.claim = 0  # so many more bytes than come stand in the header
        self.pause = 0.0  # seconds before the second half
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + self.server.claim))
        self.end_headers()
        half = len(data) // 2
        try:
            self.wfile.write(data[:half])
            time.sleep(self.server.pause)
            self.wfile.write(data[half:])
        except OSError:
            pass  # the reader has gone

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with both addresses, short books, an empty cache, no folder."""
    monkeypatch.delenv("UNROLLED_BOOKS", raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    old = BOOKS["frankenstein"]
    short = Book(old.title, old.number, len(STORY), sha(" ".join(STORY.split())))
    monkeypatch.setitem(BOOKS, "frankenstein", short)
    plain = Book("The Time Machine", None, len(PLAIN), sha(PLAIN))
    monkeypatch.setitem(BOOKS, "time_machine", plain)
    server = Server()
    monkeypatch.setattr(books, "D2L", server.url)
    monkeypatch.setattr(books, "GUTENBERG", server.url)
    server.files = {
        "/timemachine.txt": PLAIN.encode(),
        "/cache/epub/84/pg84.txt": gutenberg(),
    }
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
    gc.collect()  # a connection left open would warn in some later test


@pytest.fixture
def cache(server, tmp_path):
    return tmp_path / "unrolled"


def left_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


each_book = pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("time_machine", "/timemachine.txt", PLAIN),
        ("frankenstein", "/cache/epub/84/pg84.txt", STORY),
    ],
)


# --- all well -----------------------------------------------------------------------


@each_book
def test_a_book_is_fetched_once(server, cache, name, path, expected, capsys):
    assert load_book(name) == expected
    assert left_in(cache) == [f"{name}.txt"]
    server.shutdown()
    server.server_close()  # from here on there is no network
    assert load_book(name) == expected
    assert server.asked == [path]
    assert capsys.readouterr() == ("", "")


def test_the_first_book_is_the_time_machine(server):
    assert load_book() == PLAIN


@each_book
def test_the_folder_of_the_reader_comes_first(
    server, cache, tmp_path, monkeypatch, name, path, expected
):
    monkeypatch.setenv("UNROLLED_BOOKS", str(tmp_path))
    (tmp_path / f"{name}.txt").write_bytes(server.files[path])
    assert load_book(name) == expected
    assert server.asked == left_in(cache) == []


def test_a_folder_without_the_book_is_no_obstacle(server, tmp_path, monkeypatch):
    monkeypatch.setenv("UNROLLED_BOOKS", str(tmp_path))
    assert load_book("frankenstein") == STORY
    assert len(server.asked) == 1


def test_line_ends_in_the_folder_do_not_matter(server, tmp_path, monkeypatch):
    monkeypatch.setenv("UNROLLED_BOOKS", str(tmp_path))
    (tmp_path / "time_machine.txt").write_bytes(PLAIN.replace("\n", "\r\n").encode())
    assert load_book("time_machine") == PLAIN


def test_a_corrected_edition_is_used_with_a_warning(server, cache):
    corrected = STORY.replace("dark", "dim", 1)
    server.files["/cache/epub/84/pg84.txt"] = gutenberg(corrected)
    for _ in range(2):  # fetched, then from the cache
        with pytest.warns(UserWarning, match="has changed its text"):
            assert load_book("frankenstein") == corrected
    assert len(server.asked) == 1


def test_a_file_damaged_in_the_cache_is_fetched_again(server, cache):
    for name, expected in (("time_machine", PLAIN), ("frankenstein", STORY)):
        load_book(name)
        stored = cache / f"{name}.txt"
        stored.write_bytes(stored.read_bytes()[:300])
        assert load_book(name) == expected
    assert len(server.asked) == 4


@pytest.mark.skipif(
    "UNROLLED_BOOKS" not in os.environ, reason="UNROLLED_BOOKS names no folder"
)
@pytest.mark.parametrize("name", BOOKS)
def test_the_books_themselves(name):
    book = load_book(name)  # a warning would be an error here
    assert len(book) == BOOKS[name].length
    assert "Gutenberg" not in book and "\r" not in book and book.endswith("\n")
    assert (
        text.Vocabulary.build(text.words(book)).unknown_rate(["the", "zyzzyva"]) == 0.5
    )


# --- the bar ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "progress", "shown"),
    [("", None, True), ("1", None, False), ("1", True, True), ("", False, False)],
)
def test_a_slow_download_shows_a_bar_and_takes_it_away(
    server, monkeypatch, capsys, variable, progress, shown
):
    monkeypatch.setenv("TQDM_DISABLE", variable)
    monkeypatch.setattr(download, "BAR_AFTER", 0.05)
    server.files["/timemachine.txt"] = long = PLAIN.encode() * 100
    monkeypatch.setitem(
        BOOKS, "time_machine", Book("", None, len(long), sha(PLAIN * 100))
    )
    server.pause = 0.3
    load_book("time_machine", progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("time_machine" in err) == shown
    # the last thing drawn is a line of spaces, and no line was ended
    assert err.split("\r")[-2:] == (
        [" " * len(err.split("\r")[-2]), ""] if err else [""]
    )
    assert "\n" not in err


def test_a_fast_download_shows_none(server, monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "")
    load_book("time_machine")
    assert capsys.readouterr().err.strip() == ""


# --- what may go wrong --------------------------------------------------------------

BY_HAND = "save http.* in a folder of your own and set the environment variable"


def refused(kind, match, name="frankenstein"):
    """The one message a reader sees: of this kind, with advice, nothing behind it."""
    with pytest.raises(kind, match=match) as caught:
        load_book(name)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    assert caught.value.__suppress_context__
    return message


def test_offline(server, cache, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: a closed port
        monkeypatch.setattr(
            books, "GUTENBERG", f"http://127.0.0.1:{free.getsockname()[1]}"
        )
        message = refused(ConnectionError, "Frankenstein.* offline.*" + BY_HAND)
    assert "frankenstein.txt" in message and "UNROLLED_BOOKS" in message
    assert left_in(cache) == []


def test_a_server_that_never_answers(server, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server.pause = 2
    refused(ConnectionError, "does not answer.*" + BY_HAND)
    assert left_in(cache) == []


def test_a_missing_page(server, cache):
    server.files.clear()
    refused(ConnectionError, "the server answered 404.*" + BY_HAND)
    assert left_in(cache) == []


@each_book
def test_a_download_that_breaks_off(server, cache, name, path, expected):
    server.claim = 1000  # the header promises more than comes
    refused((ConnectionError, ValueError), "broke off.*|bytes came.*", name)
    assert left_in(cache) == []


def test_a_short_file_is_seen_without_the_help_of_the_http_library(
    server, cache, monkeypatch
):
    """urllib3 before 2 reads a body that ends early as if all were well."""
    import pooch

    def downloader(progressbar, **_):
        def fill(url, output_file, _):
            progressbar.total = 5000
            Path(output_file).write_bytes(gutenberg())

        return fill

    monkeypatch.setattr(pooch, "HTTPDownloader", downloader)
    size = len(gutenberg())
    assert size < 5000
    refused(ValueError, f"only {size:,} of 5,000 bytes came.*" + BY_HAND)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("name", "path", "data", "said"),
    [
        ("time_machine", "/timemachine.txt", PLAIN.encode()[:-1], "SHA-256 is"),
        (
            "time_machine",
            "/timemachine.txt",
            PLAIN.replace("Time", "time", 1).encode(),
            "SHA-256 is",
        ),
        ("time_machine", "/timemachine.txt", b"", "the file is empty"),
        ("frankenstein", None, b"", "the file is empty"),
        ("frankenstein", None, b"\xef\xbb\xbf \r\n", "the file is empty"),
        (
            "frankenstein",
            None,
            b"<html>Please log in</html>",
            "line .* START .* missing",
        ),
        ("frankenstein", None, gutenberg()[:-120], "line .* END .* missing"),
        ("frankenstein", None, gutenberg(STORY[:900]), "901 characters, not about"),
        ("frankenstein", None, gutenberg(STORY * 2), "characters, not about"),
        ("frankenstein", None, gutenberg(number=85), "not say that it is number 84"),
        (
            "frankenstein",
            None,
            gutenberg(name="alice_in_wonderland", number=84),
            "it is .ALICE",
        ),
        (
            "frankenstein",
            None,
            gutenberg().decode("utf-8-sig").encode("cp1252"),
            r"byte \d+ \(0x93, in line 8\) is not utf-8",
        ),
        ("frankenstein", None, gutenberg().replace(b"dark", b"d\0rk"), "is a zero"),
        ("frankenstein", None, b"%PDF-1.7 ...", "a document, not plain text"),
    ],
)
def test_what_is_not_the_book_is_not_kept(server, cache, name, path, data, said):
    path = path or "/cache/epub/84/pg84.txt"
    server.files[path] = data
    title = BOOKS[name].title.split(";")[0]
    refused(ValueError, f"{title}.* is not the whole book: .*{said}.*{BY_HAND}", name)
    assert left_in(cache) == []
    # and once the server has the book again, so has the reader
    server.files[path] = gutenberg() if name == "frankenstein" else PLAIN.encode()
    assert load_book(name) == (STORY if name == "frankenstein" else PLAIN)


def test_a_wrong_file_in_the_folder_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("UNROLLED_BOOKS", str(tmp_path))
    (tmp_path / "frankenstein.txt").write_text("Chapter 1")
    message = refused(ValueError, "START .* missing.* use load_text")
    assert str(tmp_path / "frankenstein.txt") in message
    assert server.asked == []  # the reader's file is not passed over in silence


def test_a_folder_that_is_none_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("UNROLLED_BOOKS", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="UNROLLED_BOOKS must name a folder, got"):
        load_book("frankenstein")


def test_a_cache_that_cannot_be_written(server, cache):
    cache.write_text("a file where the folder should be")
    refused(ConnectionError, "unrolled cannot be written.*" + BY_HAND)


def test_an_unknown_book_is_named():
    with pytest.raises(ValueError, match=r"name must be 'time_machine' or .*'whale'"):
        load_book("whale")


def test_a_download_by_itself_says_why_in_words(server, cache):
    with pytest.raises(ConnectionError, match=r"^the server answered 404$") as caught:
        download.download(f"{server.url}/none", cache / "none", len, progress=False)
    assert caught.value.__suppress_context__
    assert left_in(cache) == []


def test_a_stopped_download_leaves_nothing(server, cache, monkeypatch):
    def stop(self, n):
        assert len(left_in(cache)) == 1  # pooch's temporary file
        assert left_in(cache) != ["time_machine.txt"]
        raise KeyboardInterrupt

    monkeypatch.setattr(download.Received, "update", stop)
    with pytest.raises(KeyboardInterrupt):
        load_book("time_machine")
    assert left_in(cache) == []


def test_a_book_appears_under_its_name_only_when_it_is_whole(server, cache):
    server.pause = 0.5
    seen = []
    thread = threading.Thread(target=load_book, args=("time_machine",))
    thread.start()
    while thread.is_alive():
        stored = cache / "time_machine.txt"
        seen.append(stored.stat().st_size if stored.exists() else 0)
        time.sleep(0.01)
    thread.join()
    assert set(seen) <= {0, len(PLAIN)} and seen.count(0) > 10
    assert left_in(cache) == ["time_machine.txt"]


# --- a text of the reader's own -----------------------------------------------------


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_text_comes_with_unix_line_ends_and_no_mark(tmp_path, mark, end):
    path = tmp_path / "own.txt"
    path.write_bytes((mark + f"Ünïcode – one{end}two{end}").encode())
    assert load_text(path) == load_text(str(path)) == "Ünïcode – one\ntwo\n"


def test_other_encodings_on_request(tmp_path):
    for encoding in ("utf-16", "cp1252", "utf-8-sig"):
        path = tmp_path / f"{encoding}.txt"
        path.write_bytes("déjà vu\r\n".encode(encoding))
        assert load_text(path, encoding=encoding) == "déjà vu\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty. Save some text"),
        (b" \n\t", "the file is empty"),
        (b"one\ntwo\nd\xe9j\xe0", r"byte 9 \(0xe9, in line 3\) is not utf-8.*'cp1252'"),
        ("déjà".encode("utf-16"), "is not utf-8.*encoding='utf-16'"),
        (
            "abc".encode("utf-16-le"),
            "character 1 is a zero.* save it from there as UTF",
        ),
        (bytes(range(256)), "is a zero|is not utf-8"),
        (b"PK\x03\x04 a document of an office program", "plain text, a .txt file"),
        (b"%PDF-1.7", "plain text, a .txt file"),
        (b"{\\rtf1 hello}", "plain text, a .txt file"),
    ],
)
def test_a_file_that_is_no_text_is_explained(tmp_path, data, said):
    path = tmp_path / "own.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=said) as caught:
        load_text(path)
    assert "own.txt" in str(caught.value)
    assert caught.value.__suppress_context__


def test_what_is_no_file_is_named(tmp_path, as_readers_run_it):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.txt"):
        load_text(tmp_path / "nowhere.txt")
    with pytest.raises(IsADirectoryError, match="is a folder; name one text file"):
        load_text(tmp_path)
    with pytest.raises(TypeError, match="path must be the name of a file, got int"):
        load_text(3)
    (tmp_path / "own.txt").write_text("text")
    with pytest.raises(ValueError, match="encoding 'klingon' is not known"):
        load_text(tmp_path / "own.txt", encoding="klingon")


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "own.txt").write_text("at home")
    assert load_text("~/own.txt") == "at home"


def test_a_megabyte_of_ones_own_becomes_windows_in_a_second(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text((text.story("keeper") + text.story("cook")) * 16, encoding="utf-8")
    assert path.stat().st_size > 1_000_000
    started = time.process_time()
    own = text.characters(load_text(path))
    vocabulary = text.Vocabulary.build(own)
    known, unseen = text.split(vocabulary.encode(own))
    found = text.windows(known, 32, 16)
    assert time.process_time() - started < 3  # about 0.5 on an idle core
    assert vocabulary.decode(found[0, 0]) == own[:33]
    assert np.size(found) > 800_000 and len(unseen) > 150_000


def test_the_reader_with_the_stories_alone_waits_for_no_download_library():
    code = (
        "import sys, companion.books\n"
        "print({'pooch', 'requests', 'tqdm', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
