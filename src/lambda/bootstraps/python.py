# Runs a Python handler: asks the Lambda Runtime API for one invocation after another. Requests are
# written to a socket of their own: an answer and the request for the next invocation go together.
import sys

# Files of the code folder must not stand in for the modules of Python that are needed here.
sys.path[:] = [folder for folder in sys.path if folder != ""]

import json  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import time  # noqa: E402

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


# What is told to the Runtime API as an error of this type.
class Fault(Exception):
    def __init__(self, kind, text, trace=()):
        super().__init__(text)
        self.kind = kind
        self.trace = list(trace)


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


def parse_header(headers, header, name):
    text = headers.get(header)
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError",
                    "Unable to parse %s JSON: %s" % (name, error)) from error


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.function_name = ENV.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = ENV.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = ENV.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = ENV.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = ENV.get("AWS_LAMBDA_LOG_STREAM_NAME")
        client = parse_header(headers, "lambda-runtime-client-context", "Client Context")
        self.client_context = ClientContext(client) if client else None
        identity = parse_header(headers, "lambda-runtime-cognito-identity", "Cognito Identity")
        self.identity = Identity(identity or {})
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


def text_of(error):
    try:
        return str(error)
    except Exception:
        return "<%s that cannot be printed>" % type(error).__name__


# The Runtime API's object for an error. The log gets all of its trace, and of what has caused it.
def describe(error, request):
    import traceback

    cause = error
    if isinstance(error, Fault):
        kind, frames, cause = error.kind, error.trace, error.__cause__
    else:
        kind = type(error).__name__
        found = traceback.extract_tb(error.__traceback__)
        while found and found[0].filename == "<string>":  # This program.
            del found[0]
        frames = traceback.format_list(found)
    message = text_of(error)
    trace = []
    if cause is not None:
        trace = traceback.format_exception(type(cause), cause, cause.__traceback__)
    sys.stderr.write("[ERROR] %s: %s\n%s" % (kind, message, "".join(trace)))
    sys.stderr.flush()
    return {"errorMessage": message, "errorType": kind, "requestId": request, "stackTrace": frames}


def failure(target, error, request=""):
    known = describe(error, request)
    kind = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "_"
                   for c in known["errorType"][:256])
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": kind}
    return Api.request("POST", target, headers, json.dumps(known).encode())


# "package/module.handler"
def load(name):
    module_name, dot, function = (name or "").rpartition(".")
    if not dot or not module_name or not function:
        raise Fault("Runtime.MalformedHandlerName",
                    "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict",
                    "Cannot use built-in module %s as a handler module" % module_name)
    sys.path.insert(0, ENV.get("LAMBDA_TASK_ROOT") or os.getcwd())
    import importlib

    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" %
                    (module_name, text_of(error))) from error
    except SyntaxError as error:
        where = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" %
                    (module_name, error), [where]) from error
    if not hasattr(module, function):
        raise Fault("Runtime.HandlerNotFound",
                    "Handler '%s' missing on module '%s'" % (function, module_name))
    return getattr(module, function)


# As on AWS, the root logger has a handler, with AWS's format, before anybody sees it.
def prepare_logging(logging):
    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            text = self.format(record)
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = Log.request
            if VIRTUAL:
                record.created, record.msecs = Log.time_ms / 1000, Log.time_ms % 1000
            return True

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    handler.setFormatter(logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
        "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    logging.getLogger().addHandler(handler)


# Waits for the first import of logging, since most functions' starts would be slower with it. It
# is Python's own, even if the code folder has one of that name: on AWS it is loaded before that.
class Log:
    request = ""  # The id of the invocation that runs.
    time_ms = 0  # Of it: in virtual time the lines', since the machine's is never the same again.

    def __init__(self):
        self.folders = list(sys.path)
        self.loader = None

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, self.folders, target)
            if spec is not None:
                self.loader, spec.loader = spec.loader, self
                return spec
        return None

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        prepare_logging(module)


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
    Log.request = request
    Log.time_ms = int(headers.get("porteiro-now-ms", 0))
    trace = headers.get("lambda-runtime-trace-id")
    if trace:
        ENV["_X_AMZN_TRACE_ID"] = trace
    else:
        ENV.pop("_X_AMZN_TRACE_ID", None)
    place = "invocation/" + request
    try:
        content_type, text = result_of(handler, headers, body)
    except Exception as error:
        return failure(place + "/error", error, request)
    return Api.request("POST", place + "/response", {"Content-Type": content_type}, text)


def result_of(handler, headers, body):
    context = Context(headers)
    try:
        event = json.loads(body) if body else None
    except Exception as error:
        raise Fault("Runtime.UnmarshalError",
                    "Unable to unmarshal input: " + text_of(error)) from error
    result = handler(event, context)
    if isinstance(result, bytes):
        content_type, text = "application/unknown", result
    else:
        try:
            content_type, text = "application/json", encode(result)
        except Exception as error:
            raise Fault("Runtime.MarshalError",
                        "Unable to marshal response: " + text_of(error)) from error
    if len(text) > BYTES_MAX:
        raise Fault("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum "
                    "allowed payload size (%d bytes)." % BYTES_MAX)
    return content_type, text


def main():
    api = Api()
    # The code folder is read-only on AWS. Who names another place has compiled files there.
    if sys.pycache_prefix is None:
        sys.dont_write_bytecode = True
    if "logging" in sys.modules:
        prepare_logging(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, Log())
    try:
        handler = load(ENV.get("_HANDLER"))
    except Exception as error:
        api.send(failure("init/error", error))
        api.answer()
        sys.exit(1)
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
