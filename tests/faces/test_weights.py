import hashlib
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from enicfer.errors import ModelError
from enicfer.faces import weights
from enicfer.faces.detectors import load_detector
from enicfer.faces.weights import WEIGHTS, Weights, add_weights, fetch_weights, find_weights

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.ranges = True
        self.stop_after = len(CONTENT)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.stop_after])

    def log_message(self, *values):
        pass


@pytest.fixture
def server():
    with Server() as running:
        Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def store(tmp_path, monkeypatch, server):
    """An empty folder of weights, and one published file."""
    monkeypatch.setenv("ENICFER_MODELS", str(tmp_path / "my models"))
    monkeypatch.setattr(weights, "SCHEMES", ("http",))  # the tests' own server
    url = f"http://127.0.0.1:{server.server_address[1]}"
    entry = Weights("net.onnx", f"{url}/net.onnx", DIGEST, len(CONTENT), "MIT", "tests")
    monkeypatch.setitem(weights.WEIGHTS, "net", entry)
    monkeypatch.setitem(weights.WEIGHTS, "gone", Weights("gone.onnx", f"{url}/missing", DIGEST, 0, "MIT", ""))
    monkeypatch.setitem(weights.WEIGHTS, "wild", Weights("wild.onnx", f"{url}/net.onnx", "", 0, "MIT", ""))
    return tmp_path / "my models"


def test_fetched_weights_are_found(store):
    seen = []
    path = fetch_weights("net", progress=lambda done, total: seen.append((done, total)))
    assert path == store / "net.onnx" == find_weights("net")
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert list(store.iterdir()) == [path]


def test_an_interrupted_download_continues_where_it_stopped(store, server):
    server.stop_after = 300_000
    with pytest.raises(ModelError, match="run the command again"):
        fetch_weights("net")
    assert not (store / "net.onnx").exists()
    assert (store / "net.onnx.part").stat().st_size == 300_000
    server.stop_after = len(CONTENT)
    assert fetch_weights("net").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]
    assert not (store / "net.onnx.part").exists()


def test_a_server_without_ranges_starts_again(store, server):
    store.mkdir()
    (store / "net.onnx.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert fetch_weights("net").read_bytes() == CONTENT


def test_a_whole_part_is_taken(store):
    store.mkdir()
    (store / "net.onnx.part").write_bytes(CONTENT)
    assert fetch_weights("net").read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_removed(store):
    with pytest.raises(ModelError, match=f"SHA-256 is {DIGEST}"):
        fetch_weights("wild", sha256="0" * 64)
    assert not list(store.iterdir())


def test_a_second_fetch_asks_nobody(store, server):
    fetch_weights("net")
    fetch_weights("net")
    assert len(server.asked) == 1


def test_nothing_is_fetched_without_a_hash(store, server):
    with pytest.raises(ModelError, match=r"--sha256.*enicfer models add wild"):
        fetch_weights("wild")
    assert not server.asked
    for part in (DIGEST[:12], DIGEST[:63], DIGEST + "0", "x" * 64):
        with pytest.raises(ModelError, match="all 64 hexadecimal digits"):
            fetch_weights("wild", sha256=part)
    assert not server.asked
    assert fetch_weights("wild", sha256=DIGEST.upper()).read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["sfd", "fan"])
def test_ten_digits_are_not_enough_for_a_download(store, server, name):
    with pytest.raises(ModelError, match=r"first 10 digits .* are published.*--sha256"):
        fetch_weights(name)
    with pytest.raises(ModelError, match="is not the published one, which begins with"):
        fetch_weights(name, sha256=DIGEST)
    assert not server.asked and not list(store.glob("*"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "data:,x",
        "/etc/passwd",
        "HTTP://a",
        "",
    ],
)
def test_only_https_is_fetched(store, server, monkeypatch, url):
    monkeypatch.setattr(weights, "SCHEMES", ("https",))
    with pytest.raises(ModelError, match="give an address that begins with https://"):
        fetch_weights("net", url=url)  # the published address of the tests is http, too
    assert not server.asked


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1/x", "gopher://x/"]
)
def test_no_server_is_followed_to_another_kind_of_address(store, server, to):
    with pytest.raises(ModelError, match=r"begins with http://|answered 302"):
        fetch_weights("net", url=f"http://127.0.0.1:{server.server_address[1]}/to/{to}")
    assert len(server.asked) == 1 and not list(store.glob("*.onnx"))


def test_a_server_that_sends_on_to_the_same_kind_is_followed(store, server):
    base = f"http://127.0.0.1:{server.server_address[1]}"
    assert fetch_weights("net", url=f"{base}/to/{base}/net.onnx").read_bytes() == CONTENT


def test_a_file_that_is_too_large_is_not_kept(store, monkeypatch):
    smaller = Weights("net.onnx", WEIGHTS["net"].url, DIGEST, len(CONTENT) - 1, "MIT", "tests")
    monkeypatch.setitem(weights.WEIGHTS, "net", smaller)
    with pytest.raises(ModelError, match="at most"):
        fetch_weights("net")
    monkeypatch.setattr(weights, "MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="1000 are allowed"):
        fetch_weights("wild", sha256=DIGEST)
    assert not list(store.iterdir())


def test_a_server_error_is_one_sentence(store):
    with pytest.raises(ModelError, match="answered 404"):
        fetch_weights("gone")


def test_added_weights_are_checked(store, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(CONTENT)
    bad.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=f"should be {DIGEST}"):
        add_weights("net", bad)
    assert add_weights("net", good).read_bytes() == CONTENT
    with pytest.raises(ModelError, match="There is no file"):
        add_weights("net", tmp_path / "none")


def test_missing_weights_say_the_ways_to_get_them(store):
    with pytest.raises(ModelError) as error:
        load_detector("yunet")
    for way in ("enicfer models fetch yunet", "enicfer models add yunet FILE", "--detector-weights FILE"):
        assert way in str(error.value)


def test_an_unknown_name_lists_the_known(store):
    with pytest.raises(ModelError, match=r"choose one of yunet, sfd, fan"):
        fetch_weights("retina")


def test_the_published_file_passes(store, shared_data):
    file = shared_data / "models" / WEIGHTS["yunet"].file
    assert add_weights("yunet", file).stat().st_size == WEIGHTS["yunet"].size
    assert load_detector("yunet").name == "yunet"
