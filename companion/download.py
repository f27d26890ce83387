"""One file from the network, checked before it is kept.

pooch fetches into a temporary file and moves it to its name only after the check, so
a download that is cut off, damaged or stopped leaves nothing under that name.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

__all__ = ["cache", "download"]

TIMEOUT = 20  # seconds without an answer
BAR_AFTER = 1.0  # seconds: a faster download shows no progress bar


def cache() -> Path:
    """The folder for downloaded files, where this system keeps such things."""
    import pooch  # takes a moment, and a reader with the files at hand needs it never

    return Path(pooch.os_cache("unrolled"))


def download(
    url: str, path: Path, check: Callable[[bytes], object], progress: bool | None = None
) -> None:
    """Fetch a file to `path`.

    check: called with the file's bytes; whatever ValueError it raises is passed on.
    progress: a bar while the download lasts, once it has lasted a second. None: unless
        the environment variable TQDM_DISABLE is set.

    Raises ConnectionError, with the reason in words, if the file cannot be fetched or
    written, ValueError if it is shorter than the server said or the check refuses it.
    """
    import pooch

    def fetch(url, temporary, _):
        """What pooch calls to fill its temporary file."""
        with ExitStack() as stack:
            received = stack.enter_context(Received(path.stem, progress))

            def close_later(response, **_):  # pooch leaves it open after an error
                stack.callback(response.close)

            pooch.HTTPDownloader(
                progressbar=received,
                chunk_size=2**13,
                timeout=TIMEOUT,
                # so that the length in the header is the length of the file
                headers={"Accept-Encoding": "identity"},
                hooks={"response": close_later},
            )(url, temporary, None)
        data = Path(temporary).read_bytes()
        if len(data) < received.total:
            raise ValueError(f"only {len(data):,} of {received.total:,} bytes came")
        check(data)

    log = pooch.get_logger()
    level = log.level
    log.setLevel("WARNING")  # else it prints advice about checksums
    try:
        pooch.retrieve(url, None, path.name, path.parent, downloader=fetch)
    except OSError as error:
        raise ConnectionError(reason(error, path)) from None
    finally:
        log.setLevel(level)


def reason(error: OSError, path: Path) -> str:
    """Why nothing came, in words. The errors of the network have a `response`."""
    if not hasattr(error, "response"):
        return f"{path.parent} cannot be written ({error})"
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    if type(error).__name__ == "ChunkedEncodingError":
        return "the connection broke off before the end"
    return "the server does not answer; perhaps this machine is offline"


class Received:
    """What pooch asks of a progress bar. It sets `total`, the file's length in bytes.

    total stays 0 if the server does not say. A bar is made only for a slow download.
    """

    def __init__(self, name, progress):
        if progress is None:
            progress = not os.environ.get("TQDM_DISABLE")
        self.name, self.progress = name, progress
        self.began, self.bar, self.total, self.n = monotonic(), None, 0, 0

    def update(self, n):
        self.n += n
        if self.bar is not None:
            self.bar.update(n)
        elif self.progress and monotonic() - self.began > BAR_AFTER:
            from tqdm.auto import tqdm  # in a notebook it loads ipywidgets

            self.bar = tqdm(
                desc=self.name,
                initial=self.n,
                total=self.total or None,
                unit="B",
                unit_scale=True,
                leave=False,
                disable=False,
            )

    def close(self):
        if self.bar is not None:
            self.bar.total = None  # an unfinished bar would stay in the notebook, red
            self.bar.close()
            self.bar = None

    def reset(self):
        """All has come. pooch goes back to 0, to show the total; here it may close."""
        self.progress = False
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
