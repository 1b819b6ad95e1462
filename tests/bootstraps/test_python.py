"""Handlers of Python as AWS's client for Python runs them (awslambdaric)."""
import os
import re
import unittest

from support import ID, VIRTUAL, Case, program

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Python(Case):
    file = "app.py"

    @staticmethod
    def command():
        return ["python3", "-u", "-c", program("python.py")]

    def lines(self, text, event=None):
        """What one invocation of a new worker writes; its answer must be 1."""
        worker = self.worker(text)
        told = worker.invoke(event)
        self.assertEqual((told.what, told.body), ("response", b"1"), worker.log())
        return worker.log().splitlines()

    def check_line(self, line, level, request, message):
        self.assertRegex(line, r"^\[%s\]\t%s\t%s\t%s$" % (level, TIME, request, re.escape(message)))


class Logging(Python):
    def test_the_root_logger_has_a_handler_while_the_code_is_imported(self):
        self.assertEqual(self.lines("""import logging
logger = logging.getLogger()
logger.setLevel("INFO")
logger.handlers[0].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
logger.info("at init")
def handler(event, context):
    logger.info("later")
    return len(logger.handlers)
"""), ["INFO at init", "INFO later"])

    def test_lines_have_level_time_and_request(self):
        worker = self.worker("""import logging
logging.getLogger().setLevel("INFO")
logging.info("at init")
def handler(event, context):
    logging.info("of %s", event)
    logging.getLogger("module").error("two\\nlines")
""")
        worker.invoke(1)
        worker.invoke(2)
        lines = worker.log().splitlines()
        self.check_line(lines[0], "INFO", "", "at init")
        self.check_line(lines[1], "INFO", ID % 1, "of 1")
        self.check_line(lines[2], "ERROR", ID % 1, "two")
        self.assertEqual(lines[3], "lines")
        self.check_line(lines[4], "INFO", ID % 2, "of 2")

    def test_basic_config_does_nothing(self):
        lines = self.lines("""import logging
logging.basicConfig(level=logging.INFO, format="mine %(message)s")
def handler(event, context):
    logging.info("unseen")
    logging.warning("seen")
    return 1
""")
        self.assertEqual(len(lines), 1)
        self.check_line(lines[0], "WARNING", ID % 1, "seen")

    def test_logging_that_is_imported_late(self):
        for name in ("logging", "logging.handlers"):
            with self.subTest(name):
                lines = self.lines("""def handler(event, context):
    import %s
    logging.warning("late")
    return len(logging.getLogger().handlers)
""" % name)
                self.check_line(lines[0], "WARNING", ID % 1, "late")

    def test_logging_itself_is_as_ever(self):
        self.lines("""import importlib, inspect, logging, sys
def handler(event, context):
    assert logging.__spec__.loader is logging.__loader__
    assert type(logging.__loader__).__module__.startswith(("importlib", "_frozen_importlib")), \\
        logging.__loader__
    assert "class Logger" in inspect.getsource(logging)
    assert importlib.reload(logging) is logging
    assert all(finder.__module__ != "__main__" for finder in sys.meta_path
               if not isinstance(finder, type))
    return 1
""")

    def test_logging_costs_only_those_who_use_it(self):
        told = self.call("import sys\n"
                         "def handler(event, context):\n return 'logging' in sys.modules")
        self.assertIs(told.value, False)

    def test_files_of_the_code_that_are_named_like_pythons(self):
        worker = self.worker({
            "app.py": "import json, logging, socket\n"
                      "def handler(event, context):\n return [hasattr(m, 'mine') for m in "
                      "(json, logging, socket)] + [len(logging.getLogger().handlers)]",
            **{name + ".py": "mine = 1" for name in ("json", "logging", "socket", "os", "time")}})
        self.assertEqual(worker.invoke().value, [False, False, False, 1])


class Errors(Python):
    def test_a_deep_event(self):
        worker = self.worker("def handler(event, context):\n return len(event)")
        for depth in (100000, 2000000):
            told = worker.invoke(body=b"[" * depth + b"]" * depth)
            self.assertEqual(told.value["errorType"], "Runtime.UnmarshalError")
            self.assertIn("Unable to unmarshal input: maximum recursion",
                          told.value["errorMessage"])
        self.assertEqual(worker.invoke([[]]).value, 1)

    def test_exceptions_that_are_hard_to_tell(self):
        unprintable = "<E that cannot be printed>"
        for text, kind, message, header in (
                (r"raise type('Gr\u00f6\u00dfe\u4e2d', (Exception,), {})('m')",
                 "Gr\u00f6\u00dfe\u4e2d", "m", "Gr__e_"),
                (r"raise type('Bad\r\nX-Y: z', (Exception,), {})('m')", "Bad\r\nX-Y: z", "m",
                 "Bad__X_Y__z"),
                (r"raise type('x' * 100000, (Exception,), {})('m')", "x" * 100000, "m", "x" * 256),
                ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
                 "E", unprintable, "E"),
                ("raise type('E', (Exception,), {'__str__': lambda self: None})()",
                 "E", unprintable, "E"),
                (r"raise ValueError('\ud800')", "ValueError", "\ud800", "ValueError"),
                ("return handler(None, context)", "RecursionError",
                 "maximum recursion depth exceeded", "RecursionError"),
                ):
            with self.subTest(text):
                worker = self.worker("def handler(event, context):\n"
                                     " if event: return event\n %s\n" % text)
                told = worker.invoke()
                self.assertEqual((told.what, told.value["errorType"]), ("error", kind))
                self.assertEqual(told.value["errorMessage"][:len(message)], message)
                self.assertEqual(told.headers["Lambda-Runtime-Function-Error-Type"], header)
                self.assertNotIn("X-Y", told.headers)
                self.assertEqual(worker.invoke(1).value, 1)

    def test_an_error_has_the_frames_of_the_code_alone(self):
        worker = self.worker("def handler(event, context):\n    exec('1 / 0')\n")
        told = worker.invoke()
        self.check_error(told, "ZeroDivisionError", "division by zero")
        self.assertEqual(list(told.value), ["errorMessage", "errorType", "requestId", "stackTrace"])
        self.assertEqual(told.value["requestId"], ID % 1)
        trace = told.value["stackTrace"]
        self.assertEqual(len(trace), 2)
        self.assertIn('app.py", line 2, in handler', trace[0])
        self.assertTrue(worker.log().startswith("[ERROR] ZeroDivisionError: division by zero\n"))

    def test_what_is_no_json(self):
        for text in ("{1, 2}", "[handler]", "float"):
            with self.subTest(text):
                told = self.call("def handler(event, context):\n return %s" % text)
                self.assertEqual(told.value["errorType"], "Runtime.MarshalError")
                self.assertRegex(told.value["errorMessage"],
                                 "^Unable to marshal response: .* is not JSON serializable$")
                self.assertEqual(told.value["stackTrace"], [])
        told = self.call("def handler(event, context):\n a = []; a.append(a); return a")
        self.check_error(told, "Runtime.MarshalError",
                         "Unable to marshal response: Circular reference detected")

    def test_bytes_are_the_answer_as_they_are(self):
        told = self.call("def handler(event, context):\n return b'\\x00\\xff'")
        self.assertEqual((told.what, told.body), ("response", b"\x00\xff"))
        self.assertEqual(told.headers["Content-Type"], "application/unknown")

    def test_a_start_that_fails(self):
        for text, kind, message in (
                ("import absent", "Runtime.ImportModuleError",
                 "Unable to import module 'app': No module named 'absent'"),
                ("handler =", "Runtime.UserCodeSyntaxError",
                 "Syntax error in module 'app': invalid syntax (app.py, line 1)"),
                ("other = 1", "Runtime.HandlerNotFound",
                 "Handler 'handler' missing on module 'app'"),
                ("raise RuntimeError('at once')", "RuntimeError", "at once"),
                ):
            with self.subTest(text):
                worker = self.worker(text)
                told = worker.told()
                self.assertEqual(told.what, "init")
                self.check_error(told, kind, message)
                self.assertEqual((worker.told().what, worker.process.wait()), ("ended", 1))
                self.assertIn("[ERROR] %s: %s\n" % (kind, message), worker.log())
                traced = "Traceback (most recent call last):" in worker.log()
                self.assertEqual(traced, kind != "Runtime.HandlerNotFound")

    def test_exits_are_no_errors(self):
        worker = self.worker("import sys\nsys.exit(2)")
        self.assertEqual((worker.told().what, worker.process.wait()), ("ended", 2))
        worker = self.worker("import sys\ndef handler(event, context): sys.exit(3)")
        self.assertEqual((worker.invoke().what, worker.process.wait()), ("ended", 3))

    def test_names_that_are_no_handlers(self):
        worker = self.worker("", "sys.exit")
        self.check_error(worker.told(), "Runtime.BuiltInModuleConflict",
                         "Cannot use built-in module sys as a handler module")
        worker = self.worker("", "app")
        self.assertEqual(worker.told().value["errorType"], "Runtime.MalformedHandlerName")


class Surroundings(Python):
    def test_the_code_folder_stays_as_it_is(self):
        files = {"app.py": "import other\ndef handler(event, context):\n return other.value",
                 "other.py": "value = 1"}
        worker = self.worker(files)
        self.assertEqual(worker.invoke().value, 1)
        self.assertEqual(sorted(os.listdir(worker.code)), ["app.py", "other.py"])

    def test_compiled_files_elsewhere_for_those_who_name_a_place(self):
        kept = self.worker("").folder
        worker = self.worker("def handler(event, context):\n return 1", PYTHONPYCACHEPREFIX=kept)
        self.assertEqual(worker.invoke().value, 1)
        self.assertEqual(os.listdir(worker.code), ["app.py"])
        place = kept + worker.code
        self.assertTrue(os.listdir(place)[0].startswith("app."), place)

    def test_the_time_of_lines_in_virtual_time(self):
        worker = self.worker("""import logging
logging.warning("early")
def handler(event, context):
    logging.warning("late")
    return [context.now_ms, context.seed, context.get_remaining_time_in_millis()]
""", PORTEIRO_TIME="virtual")
        value = worker.invoke(headers=VIRTUAL).value
        self.assertEqual(value, [1700000000123, 7, 5000])
        self.assertEqual(worker.log().splitlines(), [
            "[WARNING]\t1970-01-01T00:00:00.000Z\t\tearly",
            "[WARNING]\t2023-11-14T22:13:20.123Z\t%s\tlate" % (ID % 1)])

    def test_the_context(self):
        worker = self.worker("""import os
def handler(event, context):
    client = context.client_context
    return [client and client.custom, client and client.client.app_title,
            context.identity.cognito_identity_id, context.aws_request_id,
            context.get_remaining_time_in_millis() > 0, os.environ.get("_X_AMZN_TRACE_ID")]
""")
        value = worker.invoke(headers={
            "Lambda-Runtime-Client-Context":
                '{"custom":{"a":"\\u00e9"},"client":{"app_title":"t"}}',
            "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i"}'}).value
        self.assertEqual(value, [{"a": "\u00e9"}, "t", "i", ID % 1, True, "Root=1-a"])
        value = worker.invoke(headers={"Lambda-Runtime-Trace-Id": None}).value
        self.assertEqual(value, [None, None, None, ID % 2, True, None])
        told = worker.invoke(headers={"Lambda-Runtime-Client-Context": "{no json"})
        self.assertEqual(told.value["errorType"], "Runtime.LambdaContextUnmarshalError")
        self.assertIn("Unable to parse Client Context JSON: ", told.value["errorMessage"])

    def test_numbers_and_letters(self):
        self.assertEqual(self.call("from decimal import Decimal\ndef handler(event, context):\n"
                                   " return [Decimal('1.5'), '\\u00e9\\ud800']").value,
                         [1.5, "\u00e9\ud800"])
        worker = self.worker("def handler(event, context):\n print('\\u00e9\\u4e2d')")
        worker.invoke()
        self.assertEqual(worker.log(), "\u00e9\u4e2d\n")


if __name__ == "__main__":
    unittest.main()
