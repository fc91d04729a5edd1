"""The app that the tests deploy. It returns what it received, and misbehaves on request."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOME = os.environ["HOME"]


def flag(name):
    """Returns the text that a test has written for the app or for this instance, or None."""
    for file in (name, name + os.environ["WEBSITE_INSTANCE_ID"]):
        try:
            with open(os.path.join(HOME, file)) as text:
                return text.read()
        except FileNotFoundError:
            pass
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if "no-affinity" in self.path:
            self.send_header("Arr-Disable-Session-Affinity", "true")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/env":
            self.answer(200, json.dumps(dict(os.environ)))
        elif path == "/headers":
            self.answer(200, json.dumps({name.lower(): value for name, value in self.headers.items()}))
        elif path == "/redirect":
            host = self.headers["Host"]
            self.send_response(302)
            self.send_header("Location", f"https://{host}/version")
            self.send_header("Set-Cookie", f"a=1; Domain={host}; Path=/")
            self.send_header("Strict-Transport-Security", "max-age=31536000")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/sign-in":
            query = self.path.split("?")[1]
            self.send_response(302)
            self.send_header("Location", f"https://login.microsoftonline.com/common/oauth2/v2.0/authorize?{query}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path == "/id":
            self.answer(200, os.environ["WEBSITE_INSTANCE_ID"])
        elif path == "/version":
            with open("version") as version:
                self.answer(200, version.read())
        elif path == "/status":
            self.answer(int(flag("status") or 200), "")
        elif path == "/slow":
            print("slow", flush=True)
            while flag("go") is None:
                time.sleep(0.02)
            self.answer(200, "slow")
        elif path == "/crash":
            print("about to crash", flush=True)
            os._exit(3)
        elif path == "/write":
            try:
                with open(os.path.join(os.environ["APP_PATH"], "new"), "w"):
                    self.answer(200, "written")
            except OSError as error:
                self.answer(200, str(error))
        elif path == "/ws":
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.end_headers()
            self.wfile.write(self.rfile.read(5).upper())
            self.close_connection = True
        else:
            self.answer(404, "")

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])).decode())

    def log_message(self, format, *args):
        pass


def bye(number, frame):
    print("bye", flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if "STUBBORN" in os.environ else bye)
server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
print("up", flush=True)
print("to stderr", file=sys.stderr, flush=True)
server.serve_forever()
