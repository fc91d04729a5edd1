"""Single requests with Python's HTTP client."""

import http.client
import re
import time
import uuid
from dataclasses import dataclass
from html import unescape


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    ms: float
    """The time from opening the connection to the last byte of the body."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def text(self) -> str:
        return self.body.decode()


def request(
    port: int,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 60,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    start = time.perf_counter()
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, response.getheaders(), content, (time.perf_counter() - start) * 1e3)
    finally:
        connection.close()


def get(port: int, path: str, headers: dict[str, str] | None = None, timeout: float = 60) -> Answer:
    """Gets a page that must exist."""
    answer = request(port, path, headers=headers, timeout=timeout)
    if answer.status != 200:
        raise SystemExit(f"GET {path} on port {port} answered {answer.status}")
    return answer


def form(fields: dict[str, str], photo: bytes | None = None) -> tuple[dict[str, str], bytes]:
    """The headers and body of a submitted form, as a browser sends them."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if photo is not None:
        head = 'Content-Disposition: form-data; name="reviewImage"; filename="photo.jpg"\r\nContent-Type: image/jpeg'
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + photo + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def next_link(port: int, path: str) -> str:
    """The address of the page that follows this one."""
    links = re.findall(r'href="([^"]*[?&](?:amp;)?after=[^"]*)"', get(port, path).text())
    if not links:
        raise SystemExit(f"{path} has no link to a next page")
    link = unescape(links[0]).partition("#")[0]
    return link if link.startswith("/") else path + link
