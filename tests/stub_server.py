"""A server of the standard library that starts in a moment and misbehaves as it is told: PORT MARK [HOW].

HOW: `answers`, `refuses` (400), `loads` for ever (503), `hangs` on SIGTERM, or `fails` at its start. MARK makes its
processes known by their command lines; it has a child in a session of its own, with the same mark.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATUS = {"refuses": 400, "loads": 503}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, {"data": [{"id": "stub", "owned_by": "stub"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {os.environ['TEACHER_TOKEN']}":
            return self.reply(401, {"error": "no token"})
        message = {"role": "assistant", "content": "yes"}
        usage = {"prompt_tokens": 3, "completion_tokens": 3}
        whole = {
            "model": f"stub {os.getpid()}",
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        return self.reply(STATUS.get(HOW, 200), whole)

    def reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    PORT, MARK, HOW = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if HOW == "child":
        time.sleep(600)
    if HOW == "fails":
        print("loading the weights\nout of memory: 80 GiB are not enough", file=sys.stderr)
        sys.exit(3)
    if HOW == "hangs":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = [sys.executable, __file__, "0", MARK, "child"]
    subprocess.Popen(child, start_new_session=True)
    print(f"stub: serving on {PORT}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
