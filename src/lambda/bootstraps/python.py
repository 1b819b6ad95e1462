# Runs a Python handler: asks the Lambda Runtime API for one invocation after another. Requests are
# written to a socket of their own: an answer and the request for the next invocation go together.
import json
import os
import socket
import sys
import time

ENV = os.environ
ENV["AWS_EXECUTION_ENV"] = "AWS_Lambda_python%d.%d" % sys.version_info[:2]
API = ENV["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/"
VIRTUAL = ENV.get("PORTEIRO_TIME") == "virtual"
BYTES_MAX = 6291556


class Api:
    def __init__(self):
        host, _, port = API.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    @staticmethod
    def request(method, target, headers, body):
        lines = ["%s %s%s HTTP/1.1" % (method, BASE, target), "Host: " + API]
        lines += ["%s: %s" % pair for pair in headers.items()]
        if body is not None:
            lines.append("Content-Length: %d" % len(body))
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")

    def send(self, *requests):
        self.socket.sendall(b"".join(requests))

    def fill(self):
        data = self.socket.recv(1 << 18)
        if not data:
            sys.exit(1)
        self.received += data

    # One whole answer: each has a Content-Length.
    def answer(self):
        while True:
            end = self.received.find(b"\r\n\r\n")
            if end >= 0:
                break
            self.fill()
        lines = self.received[:end].decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        stop = start + int(headers.get("content-length", 0))
        if len(self.received) < stop:
            parts = [self.received]
            size = len(self.received)
            while size < stop:
                data = self.socket.recv(1 << 18)
                if not data:
                    sys.exit(1)
                parts.append(data)
                size += len(data)
            self.received = b"".join(parts)
        body = self.received[start:stop]
        self.received = self.received[stop:]
        return status, headers, body


class Identity:
    def __init__(self, known):
        self.cognito_identity_id = known.get("cognitoIdentityId")
        self.cognito_identity_pool_id = known.get("cognitoIdentityPoolId")


class Client:
    def __init__(self, known):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code",
                     "app_package_name"):
            setattr(self, name, known.get(name))


class ClientContext:
    def __init__(self, known):
        self.custom = known.get("custom")
        self.env = known.get("env")
        self.client = Client(known.get("client") or {})


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = ENV.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = ENV.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = ENV.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = ENV.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = ENV.get("AWS_LAMBDA_LOG_STREAM_NAME")
        identity = headers.get("lambda-runtime-cognito-identity")
        self.identity = Identity(json.loads(identity) if identity else {})
        client = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(client)) if client else None
        self._deadline = int(headers.get("lambda-runtime-deadline-ms", 0))
        # Ours: a function that takes time and chance from here does the same again in simulation.
        self.now_ms = int(headers.get("porteiro-now-ms", 0))
        self.seed = int(headers.get("porteiro-seed", 0))

    # In virtual time none passes while a function works.
    def get_remaining_time_in_millis(self):
        now = self.now_ms if VIRTUAL else time.time() * 1000
        return max(0, int(self._deadline - now))

    def log(self, text):
        sys.stdout.write(str(text))


def describe(error, kind=None, request=None):
    import traceback

    trace = traceback.format_exception(type(error), error, error.__traceback__)
    frames = traceback.format_list(
        [f for f in traceback.extract_tb(error.__traceback__) if f.filename != "<string>"])
    known = {"errorMessage": str(error), "errorType": kind or type(error).__name__}
    if request:
        known["requestId"] = request
    known["stackTrace"] = frames
    sys.stderr.write("[ERROR] %s: %s\n" % (known["errorType"], known["errorMessage"]))
    if kind is None:
        sys.stderr.write("".join(trace))
    sys.stderr.flush()
    return known


def failure(target, known):
    headers = {"Content-Type": "application/json",
               "Lambda-Runtime-Function-Error-Type": known["errorType"]}
    return Api.request("POST", target, headers, json.dumps(known).encode())


class InitError(Exception):
    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


# "package/module.handler"
def load(name):
    module_name, dot, function = (name or "").rpartition(".")
    if not dot or not module_name or not function:
        raise InitError("Runtime.MalformedHandlerName",
                        "Bad handler '%s': not enough values to unpack" % name)
    root = ENV.get("LAMBDA_TASK_ROOT") or os.getcwd()
    if "" in sys.path:
        sys.path.remove("")
    sys.path.insert(0, root)
    import importlib

    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError",
                        "Unable to import module '%s': %s" % (module_name, error)) from error
    except SyntaxError as error:
        raise InitError("Runtime.UserCodeSyntaxError",
                        "Syntax error in module '%s': %s" % (module_name, error)) from error
    if not hasattr(module, function):
        raise InitError("Runtime.HandlerNotFound",
                        "Handler '%s' missing on module '%s'" % (function, module_name))
    return getattr(module, function)


# As on AWS, the root logger writes somewhere. Only for functions that log.
def prepare_logging():
    logging = sys.modules.get("logging")
    if logging is None or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(message)s"))
    logging.getLogger().addHandler(handler)


def encode(value):
    def unknown(item):
        try:
            import decimal
            if isinstance(item, decimal.Decimal):
                return float(item)
        except ImportError:
            pass
        raise TypeError("Object of type %s is not JSON serializable" % type(item).__name__)

    return json.dumps(value, default=unknown).encode()


def answer(handler, headers, body):
    request = headers["lambda-runtime-aws-request-id"]
    ENV["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
    place = "invocation/" + request
    try:
        event = json.loads(body) if body else None
    except ValueError as error:
        return failure(place + "/error", describe(error, "Runtime.UnmarshalError", request))
    try:
        result = handler(event, Context(headers))
    except Exception as error:
        return failure(place + "/error", describe(error, None, request))
    try:
        text = encode(result)
    except Exception as error:
        return failure(place + "/error", describe(error, "Runtime.MarshalError", request))
    if len(text) > BYTES_MAX:
        error = ValueError("Response payload size exceeded maximum allowed payload size "
                           "(%d bytes)." % BYTES_MAX)
        return failure(place + "/error",
                       describe(error, "Function.ResponseSizeTooLarge", request))
    return Api.request("POST", place + "/response", {"Content-Type": "application/json"}, text)


def main():
    api = Api()
    try:
        handler = load(ENV.get("_HANDLER"))
    except BaseException as error:
        kind = error.kind if isinstance(error, InitError) else None
        api.send(failure("init/error", describe(error, kind)))
        api.answer()
        sys.exit(1)
    prepare_logging()
    next_request = Api.request("GET", "invocation/next", {}, None)
    api.send(next_request)
    while True:
        status, headers, body = api.answer()
        if status != 200:
            sys.stderr.write("the runtime API gave no invocation: %d\n" % status)
            sys.exit(1)
        api.send(answer(handler, headers, body), next_request)
        api.answer()


main()
