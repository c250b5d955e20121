"""Nobody else gets an answer: another program, another page, another name of this machine."""

import re
import socket

import httpx
import pytest

PATHS = ("/", "/api/study", "/static/js/run.js", "/favicon.ico", "/run/0123456789abcdef", "/nothing")


def test_nothing_without_the_link(plain, serve):
    with serve(plain, enter=False) as client:
        for path in PATHS:
            found = client.get(path)
            assert found.status_code == 401 and "sub-01" not in found.text
        assert client.get("/api/study").json()["kind"] == "no_token"
        assert client.get("/", params={"token": "x" * 43}).status_code == 401
        assert client.get("/", params={"token": ""}).status_code == 401
        assert client.post("/api/runs/x/review", {"kind": "undo"}).status_code == 401
        for cookie in ("", "x", "enicfer"):
            headers = {"Cookie": f"enicfer_review_{client.port}={cookie}"}
            assert client.get("/api/study", headers=headers).status_code == 401


def test_the_link_is_good_for_once(plain, serve):
    with serve(plain, enter=False) as client:
        first = client.get(client.link)
        cookie = first.headers["set-cookie"]
        assert re.search(r"; HttpOnly; SameSite=Strict; Path=/$", cookie)
        assert "token" not in first.text and client.link.split("=")[1] not in cookie
        assert client.get("/api/study").status_code == 200
        with httpx.Client(trust_env=False) as other:
            assert other.get(client.link).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]", "", "127.0.0.1.evil.example"]
)
def test_another_name_of_this_machine_is_refused(plain, serve, host):
    with serve(plain) as client:
        for path in PATHS:
            found = client.get(path, headers={"Host": host})
            assert found.status_code in (400, 421) and "sub-01" not in found.text
        assert client.get("/api/study", headers={"Host": f"localhost:{client.port}"}).status_code == 200


def test_two_hosts_in_one_request_are_refused(plain, serve):
    with serve(plain) as client, socket.create_connection(("127.0.0.1", client.port), timeout=20) as raw:
        good = f"127.0.0.1:{client.port}"
        cookies = "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())
        raw.sendall(
            f"GET /api/study HTTP/1.1\r\nHost: evil.example\r\nHost: {good}\r\nCookie: {cookies}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.split()[1] in (b"400", b"421") and b"sub-01" not in answer


def test_only_this_machine_is_listened_to(plain, serve):
    with serve(plain) as client:
        for family, _, _, _, address in socket.getaddrinfo(socket.gethostname(), client.port):
            if family == socket.AF_INET and not address[0].startswith("127."):
                with pytest.raises(OSError):
                    socket.create_connection(address[:2], timeout=5).close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 201),
    ],
)
def test_a_write_comes_from_the_page(plain, serve, headers, status):
    with serve(plain) as client:
        entry = {"kind": "mark", "frame": 3, "note": "x"}
        found = client.post(f"{client.run()}/review", entry, **headers)
        assert found.status_code == status
        stored = client.get(f"{client.run()}/review").json()["marks"]
        assert len(stored) == (status == 201)


def test_a_write_without_an_origin_or_of_another_method_is_refused(plain, serve):
    with serve(plain) as client:
        place = f"{client.run()}/review"
        assert client.http.post(place, json={"kind": "mark", "frame": 3}).status_code == 403
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            found = client.http.request(method, place, headers=client.origin)
            assert found.status_code == 405
            assert not any(name.startswith("access-control") for name in found.headers)


def test_a_large_write_is_refused(plain, serve):
    def parts():
        for _ in range(40):
            yield b" " * 1000

    with serve(plain) as client:
        place, headers = f"{client.run()}/review", {**client.origin, "Content-Type": "application/json"}
        assert client.http.post(place, content=b" " * 20_000, headers=headers).status_code == 413
        assert client.http.post(place, content=parts(), headers=headers).status_code == 413
        assert client.get(place).json()["entries"] == []


def test_every_answer_forbids_what_pages_do_not_need(plain, serve):
    with serve(plain) as client:
        for path in (
            "/api/study",
            "/nothing",
            client.run(),
            f"{client.run()}/clock",
            f"{client.run()}/frame/1.jpg",
        ):
            headers = client.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'self'; ")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert not any(name.startswith("access-control") for name in headers)


TRICKS = (
    "..",
    "%2e%2e",
    "..%2f..",
    "....//",
    "%5c..",
    "/etc/passwd",
    "..%252f",
    "\u2025",
    "C:",
    "%00",
    ".",
    "~",
)


@pytest.mark.parametrize("trick", TRICKS)
def test_no_path_leads_out(plain, serve, tmp_path, monkeypatch, trick):
    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    (static / "js" / "run.js").write_text("export {};", encoding="utf-8")
    (static / "secret.py").write_text("SECRET", encoding="utf-8")
    (tmp_path / "outside.js").write_text("SECRET", encoding="utf-8")
    (static / "link.js").symlink_to(tmp_path / "outside.js")
    monkeypatch.setattr("enicfer.review.server.STATIC", static)
    with serve(plain) as client:
        assert client.get("/static/js/run.js").text == "export {};"
        names = [
            f"/static/{trick}/outside.js",
            f"/static/js/{trick}/secret.py",
            "/static/secret.py",
            "/static/link.js",
        ]
        names += [f"/api/runs/{trick}", f"/api/runs/{trick}/frame/1.jpg", f"/api/runs/{trick}/proxy.mp4"]
        names += [f"/run/{trick}", f"/api/runs/{client.runs()[0]['id']}{trick}/clock"]
        for name in names:
            with socket.create_connection(("127.0.0.1", client.port), timeout=20) as raw:
                cookies = "; ".join(f"{key}={value}" for key, value in client.http.cookies.items())
                host = f"127.0.0.1:{client.port}"
                request = (
                    f"GET {name} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
                )
                raw.sendall(request.encode("utf-8"))
                answer = b"".join(iter(lambda: raw.recv(65536), b""))
            assert answer.split()[1] in (b"404", b"400"), name
            assert b"SECRET" not in answer and b"root:" not in answer
