"""What the tests of the bootstraps share: a Runtime API and its worker, which is started as
porteiro starts it. Nothing sleeps: what a worker does comes through a queue."""
import http.server
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BOOTSTRAPS = os.path.join(HERE, "..", "..", "src", "lambda", "bootstraps")
PATIENCE_SECONDS = 30
BASE = "/2018-06-01/runtime/"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:tested"
ID = "7d444840-9dc0-41d1-b245-5ffdce74f%03d"

# What an invocation in virtual time is told besides.
VIRTUAL = {"Porteiro-Now-Ms": "1700000000123", "Porteiro-Seed": "7",
           "Lambda-Runtime-Deadline-Ms": "1700000005123"}


class Told:
    """What a worker did: `what` is next, response, error, init or ended."""

    def __init__(self, what, target="", headers=None, body=b""):
        self.what, self.target, self.headers, self.body = what, target, headers or {}, body

    @property
    def value(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%s %s %s" % (self.what, self.target, self.body[:500])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self):
        self.server.told.put(Told("next"))
        given = self.server.given.get()
        if given is not None:
            self.reply(200, *given)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.path[len(BASE):]
        what = "init" if target == "init/error" else target.rpartition("/")[2]
        self.server.told.put(Told(what, target, self.headers, body))
        self.reply(202, {}, b'{"status":"OK"}\n')


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.told, self.given = queue.Queue(), queue.Queue()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_):
        pass  # A worker that was killed.


class Worker:
    """A function of these files, {name: text}, with the bootstrap of its language."""

    def __init__(self, command, files, handler, environment):
        self.folder = tempfile.mkdtemp(prefix="porteiro-bootstrap-")
        self.code = os.path.join(self.folder, "code")
        for name, text in files.items():
            path = os.path.join(self.code, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        self.server = Server()
        self.count = 0
        self.output = open(os.path.join(self.folder, "out"), "wb")
        self.process = subprocess.Popen(
            command, cwd=self.code, stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output, env={
                "PATH": os.environ["PATH"], "_HANDLER": handler, "LAMBDA_TASK_ROOT": self.code,
                "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.server.server_port,
                "AWS_LAMBDA_FUNCTION_NAME": "tested", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "TZ": ":UTC", "LANG": "en_US.UTF-8",
                **environment})
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        self.process.wait()
        self.server.told.put(Told("ended"))

    def told(self):
        """The next thing that the worker does."""
        try:
            return self.server.told.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise AssertionError("the worker does nothing; its log:\n" + self.log()) from None

    def invoke(self, event=None, headers=None, body=None):
        """What an invocation came to: response, error or ended. Waits until the worker is ready."""
        ready = self.told()
        assert ready.what == "next", "%s; its log:\n%s" % (ready, self.log())
        self.count += 1
        given = {"Lambda-Runtime-Aws-Request-Id": ID % self.count,
                 "Lambda-Runtime-Deadline-Ms": "9999999999999",
                 "Lambda-Runtime-Trace-Id": "Root=1-a", "Content-Type": "application/json",
                 "Lambda-Runtime-Invoked-Function-Arn": ARN}
        given.update(headers or {})
        given = {name: text for name, text in given.items() if text is not None}
        self.server.given.put((given, json.dumps(event).encode() if body is None else body))
        return self.told()

    def log(self):
        """All that it has written so far."""
        with open(self.output.name, encoding="utf-8", errors="replace") as text:
            return text.read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.given.put(None)
        self.server.shutdown()
        self.server.server_close()
        self.output.close()
        shutil.rmtree(self.folder)


class Case(unittest.TestCase):
    maxDiff = None

    def worker(self, files, handler="app.handler", **environment):
        files = {self.file: files} if isinstance(files, str) else files
        worker = Worker(self.command(), files, handler, environment)
        self.addCleanup(worker.stop)
        return worker

    def call(self, text, event=None):
        """What one invocation of a new worker comes to."""
        return self.worker(text).invoke(event)

    def check_error(self, told, kind, message):
        """An error of an invocation, or of a start."""
        self.assertIn(told.what, ("error", "init"), told)
        self.assertEqual((told.value["errorType"], told.value["errorMessage"]), (kind, message))


def program(name):
    with open(os.path.join(BOOTSTRAPS, name), encoding="utf-8") as text:
        return text.read()
