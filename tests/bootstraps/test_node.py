"""Handlers of Node as AWS's client for Node runs them (aws-lambda-ric)."""
import json
import os
import re
import unittest

from support import VIRTUAL, Case, program

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FIRST = "7d444840-9dc0-41d1-b245-5ffdce74f001"


class Node(Case):
    file = "app.js"

    @staticmethod
    def command():
        return ["node", "-e", program("node.js")]

    def answer(self, text, event=None, files=None, handler="app.handler"):
        told = self.worker({**{"app.js": text}, **(files or {})}, handler).invoke(event)
        self.assertEqual(told.what, "response", told)
        return told.value


class Scope(Node):
    def test_a_handler_has_the_global_scope_for_itself(self):
        names = ["path", "net", "env", "api", "current", "socket", "handler", "replies", "request",
                 "fail", "run", "next", "post", "load", "read", "log", "end", "received"]
        worker = self.worker("exports.handler = async () => {%s; return typeof path; };" %
                             "; ".join("%s = {}" % name for name in names))
        for _ in range(2):
            self.assertEqual(worker.invoke().value, "object")

    def test_no_more_is_global_than_in_any_program(self):
        text = "JSON.stringify(Object.getOwnPropertyNames(globalThis).sort())"
        worker = self.worker({
            "app.js": "exports.handler = async () => JSON.parse(%s);" % text,
            "plain.js": "console.log(%s)" % text})
        import subprocess
        plain = subprocess.check_output(["node", os.path.join(worker.code, "plain.js")])
        found = worker.invoke().value
        self.assertEqual(sorted(set(found) ^ set(json.loads(plain))), ["awslambda"])

    def test_an_es_module_finds_no_names_of_common_js(self):
        worker = self.worker({"app.mjs": "export const handler = async () => [typeof require, "
                              "typeof module, typeof exports, typeof __dirname, typeof fs];"})
        self.assertEqual(worker.invoke().value, ["undefined"] * 5)

    def test_a_common_js_module_has_its_own(self):
        text = """const fs = require('fs');
            exports.handler = async () => [require('./other').name, typeof fs.readFileSync,
              __filename.endsWith('app.js'), module.exports === exports, require.main === undefined,
              (await import('./third.mjs')).name];"""
        files = {"other.js": "exports.name = 'other'", "third.mjs": "export const name = 'third'"}
        self.assertEqual(self.answer(text, files=files),
                         ["other", "function", True, True, True, "third"])

    def test_children_and_threads_run_their_own_program(self):
        text = """exports.handler = async () => {
            const { fork } = require('child_process'), { Worker } = require('worker_threads');
            const first = (it) => new Promise((done) => it.on('message', done));
            return [await first(fork(__dirname + '/child.js')),
                    await first(new Worker(__dirname + '/thread.js'))];
        };"""
        files = {"child.js": "process.send(typeof __dirname, () => process.disconnect());",
                 "thread.js": "require('worker_threads').parentPort.postMessage(typeof require);"}
        self.assertEqual(self.answer(text, files=files), ["string", "function"])


class Loading(Node):
    def test_the_nearest_package_json_says_what_js_is(self):
        waits = "const x = await Promise.resolve('%s'); export const handler = async () => x;"
        common = "exports.handler = async () => 'common';"
        module, other = '{"type": "module"}', '{"name": "x"}'
        for name, files in {
                "top": {"package.json": module, "app.js": waits % "top"},
                "above": {"package.json": module, "src/app.js": waits % "above"},
                "nearest": {"package.json": other, "src/package.json": module,
                            "src/app.js": waits % "nearest"},
                "mjs": {"package.json": other, "app.mjs": waits % "mjs"},
                "common": {"package.json": module, "src/package.json": other, "src/app.js": common},
                }.items():
            with self.subTest(name):
                handler = "src/app.handler" if "src/app.js" in files else "app.handler"
                self.assertEqual(self.worker(files, handler).invoke().value, name)
        files = {"package.json": module, "app.cjs": common}
        self.assertEqual(self.worker(files).invoke().value, "common")

    def test_handlers_in_folders_and_objects(self):
        files = {"src/a/index.js": "exports.sub = {handler: async () => 1}"}
        self.assertEqual(self.worker(files, "src/a/index.sub.handler").invoke().value, 1)
        files = {"dir/index.js": "exports.handler = async () => 2"}
        self.assertEqual(self.worker(files, "dir.handler").invoke().value, 2)
        files = {"node_modules/dir/index.js": "exports.handler = async () => 3"}
        self.assertEqual(self.worker(files, "dir.handler").invoke().value, 3)

    def test_a_start_that_fails(self):
        for text, kind, message in (
                ("exports.handler = async () => {", "Runtime.UserCodeSyntaxError",
                 "SyntaxError: Unexpected end of input"),
                ("require('absent')", "Runtime.ImportModuleError",
                 "Error: Cannot find module 'absent'\nRequire stack:"),
                ("exports.other = 1", "Runtime.HandlerNotFound",
                 "app.handler is undefined or not exported"),
                ("exports.handler = 1", "Runtime.HandlerNotFound", "app.handler is not a function"),
                ("throw new RangeError('at once')", "RangeError", "at once"),
                ("Promise.reject(new Error('soon')); exports.handler = async () => 1;",
                 "Runtime.UnhandledPromiseRejection", "Error: soon"),
                ("throw null", "handled", "callback called with Error argument"),
                ):
            with self.subTest(text):
                worker = self.worker(text)
                told = worker.told()
                self.assertEqual((told.what, told.value["errorType"]), ("init", kind), told)
                self.assertIn(message, told.value["errorMessage"])
                self.assertEqual(worker.told().what, "ended")
                status = 128 if "Promise" in text else 129
                self.assertEqual(worker.process.wait(), status)

    def test_a_default_export_is_no_handler(self):
        worker = self.worker({"app.mjs": "export default { handler: async () => 1 };"})
        self.check_error(worker.told(), "Runtime.HandlerNotFound",
                         "app.handler is undefined or not exported")

    def test_a_package_that_an_es_module_lacks(self):
        worker = self.worker({"app.mjs": "import 'absent'; export const handler = async () => 1;"})
        told = worker.told()
        self.assertEqual((told.what, told.value["errorType"]), ("init", "Error"), told)
        self.assertIn("Cannot find package 'absent'", told.value["errorMessage"])
        self.assertIn('"code":"ERR_MODULE_NOT_FOUND"', worker.log())

    def test_a_name_that_leaves_the_folder(self):
        worker = self.worker("exports.handler = async () => 1", "../code/app.handler")
        told = worker.told()
        self.assertEqual(told.value["errorType"], "Runtime.MalformedHandlerName", told)
        self.assertIn("'../code/app.handler' is not a valid handler name",
                      told.value["errorMessage"])


class Ends(Node):
    def test_only_nothing_is_success_for_a_callback(self):
        for call, kind, message in (
                ("cb('')", "string", ""), ("cb(0)", "number", "0"),
                ("cb(false)", "boolean", "false"),
                ("c.done(false)", "boolean", "false"), ("c.done('')", "string", ""),
                ("c.fail()", "string", "handled"), ("c.fail(null)", "string", "handled"),
                ("cb('text')", "string", "text"), ("cb({a: 1})", "object", "[object Object]"),
                ("cb(Symbol('x'))", "symbol", "Symbol(x)"),
                ("cb({name: 'N', message: 'm', stack: 's'})", "N", "m"),
                ):
            with self.subTest(call):
                self.check_error(self.call("exports.handler = (e, c, cb) => { %s; };" % call),
                                 kind, message)
        for call in ("cb(null, 5)", "cb(undefined, 5)", "c.done(null, 5)", "c.succeed(5)"):
            with self.subTest(call):
                self.assertEqual(self.answer("exports.handler = (e, c, cb) => { %s; };" % call), 5)

    def test_the_first_end_counts(self):
        for text, value in (
                ("(e, c, cb) => { cb(null, 1); cb(null, 2); }", 1),
                ("(e, c, cb) => { cb(null, 1); cb(new Error('late')); }", 1),
                ("(e, c, cb) => { cb(null, 1); throw new Error('late'); }", 1),
                ("async (e, c, cb) => { cb(null, 1); return 2; }", 1),
                ("(e, c, cb) => { c.succeed(1); c.fail('late'); }", 1),
                ("() => { throw null; }", None),
                ("() => {}", None),
                ("async () => {}", None),
                ):
            with self.subTest(text):
                self.assertEqual(self.answer("exports.handler = %s;" % text), value)

    def test_a_callback_waits_for_an_empty_event_loop_unless_told(self):
        worker = self.worker("""exports.handler = (wait, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = wait;
            setTimeout(() => console.log('later'), 20);
            callback(null, wait);
        };""")
        self.assertIs(worker.invoke(False).value, False)
        self.assertNotIn("later", worker.log())
        self.assertIs(worker.invoke(True).value, True)
        self.assertIn("later", worker.log())

    def test_what_is_thrown(self):
        strange = ("callback called with Error argument, but there was a problem while retrieving "
                   "one or more of its message, name, and stack")
        for text, kind, message in (
                ("const e = new Error('m'); e.name = 'Mine'; throw e", "Mine", "m"),
                ("const e = new Error('m'); e.name = 5; throw e", "handled", strange),
                ("const e = new Error('m'); e.name = 'a b\\r\\nX-Y: c'; throw e",
                 "a b\r\nX-Y: c", "m"),
                ("const e = new Error('m'); e.name = '\\u4e2d'; throw e", "\u4e2d", "m"),
                ("const e = new Error('m'); e.name = 'x'.repeat(1e5); throw e", "x" * 100000, "m"),
                ("const e = new Error('m'); e.stack = undefined; throw e", "handled", strange),
                ("const e = new Error('m'); e.message = 1n; throw e", "handled", strange),
                ("throw Object.create(null)", "handled", strange),
                ("throw require('vm').runInNewContext(\"new TypeError('m')\")", "TypeError", "m"),
                ("throw undefined", "string", "handled"),
                ):
            with self.subTest(text):
                worker = self.worker("exports.handler = async (ok) => { if (ok) return ok; %s; };"
                                     % text)
                told = worker.invoke()
                self.check_error(told, kind, message)
                self.assertNotIn("X-Y", told.headers)
                self.assertRegex(told.headers["Lambda-Runtime-Function-Error-Type"], r"^\w{1,256}$")
                self.assertEqual(worker.invoke(1).value, 1)

    def test_what_is_no_json(self):
        for text in ("({a: 10n})", "(globalThis.a = {}, a.a = a)"):
            with self.subTest(text):
                worker = self.worker("exports.handler = async () => %s;" % text)
                self.check_error(worker.invoke(), "Error", "Unable to stringify response body")
                self.assertRegex(worker.log(), "BigInt|circular")

    def test_a_rejection_that_nobody_handles(self):
        worker = self.worker("""exports.handler = async () => {
            Promise.reject(new Error('unseen'));
            await new Promise((done) => setTimeout(done, 60000));
        };""")
        told = worker.invoke()
        self.check_error(told, "Runtime.UnhandledPromiseRejection", "Error: unseen")
        self.assertEqual(told.value["trace"][0], "Runtime.UnhandledPromiseRejection: Error: unseen")
        self.assertEqual((worker.told().what, worker.process.wait()), ("ended", 128))
        line = re.search(r"\tERROR\tUnhandled Promise Rejection \t(.*)\n", worker.log())
        known = json.loads(line.group(1))
        self.assertEqual((known["errorType"], known["errorMessage"], known["promise"]),
                         ("Runtime.UnhandledPromiseRejection", "Error: unseen", {}))
        self.assertEqual((known["reason"]["errorType"], known["reason"]["errorMessage"]),
                         ("Error", "unseen"))
        self.assertIn("app.js:2", known["reason"]["stack"][1])

    def test_an_error_that_nobody_catches(self):
        worker = self.worker("""exports.handler = (e, c, cb) => {
            if (e === 'between') { c.callbackWaitsForEmptyEventLoop = false; cb(null, 1); }
            setTimeout(() => { throw new RangeError('unseen'); }, 1);
        };""")
        self.check_error(worker.invoke("within"), "RangeError", "unseen")
        self.assertEqual((worker.told().what, worker.process.wait()), ("ended", 129))
        worker = self.worker("""exports.handler = (e, c, cb) => {
            c.callbackWaitsForEmptyEventLoop = false;
            setTimeout(() => { throw new RangeError('unseen'); }, 1);
            cb(null, 1);
        };""")
        self.assertEqual(worker.invoke().value, 1)
        self.assertEqual([worker.told().what, worker.told().what], ["next", "ended"])
        self.assertEqual(worker.process.wait(), 129)


class Surroundings(Node):
    def test_lines_of_the_console(self):
        worker = self.worker("""console.log('at %s', 'init');
            exports.handler = async () => {
              console.log({ a: 1 });
              for (const it of ['trace', 'debug', 'info', 'warn', 'error']) console[it](it);
              process.stdout.write('plain\\n');
              throw Object.assign(new TypeError('m'), { code: 7 });
            };""")
        worker.invoke()
        lines = worker.log().split("\n")
        ends = ["INFO\t{ a: 1 }", "TRACE\ttrace", "DEBUG\tdebug", "INFO\tinfo", "WARN\twarn",
                "ERROR\terror"]
        ends = ["undefined\tINFO\tat init"] + [FIRST + "\t" + end for end in ends]
        for line, end in zip(lines, ends):
            self.assertRegex(line, "^%s\t%s$" % (TIME, re.escape(end)))
        self.assertEqual(lines[7], "plain")
        start = r'ERROR\tInvoke Error \t{"errorType":"TypeError","errorMessage":"m","code":7,'
        self.assertIn(start.replace("\\t", "\t"), lines[8])

    def test_the_time_of_lines_in_virtual_time(self):
        worker = self.worker("""console.log('early');
            exports.handler = async (event, context) => {
              console.log('late');
              return [context.nowMs, context.seed, context.getRemainingTimeInMillis()];
            };""", PORTEIRO_TIME="virtual")
        value = worker.invoke(headers=VIRTUAL).value
        self.assertEqual(value, [1700000000123, 7, 5000])
        self.assertEqual(worker.log().splitlines(), [
            "1970-01-01T00:00:00.000Z\tundefined\tINFO\tearly",
            "2023-11-14T22:13:20.123Z\t%s\tINFO\tlate" % FIRST])

    def test_the_context(self):
        worker = self.worker("""exports.handler = async (event, context) => ({ ...context,
            left: context.getRemainingTimeInMillis() > 0,
            trace: process.env._X_AMZN_TRACE_ID ?? null });""")
        value = worker.invoke(headers={
            "Lambda-Runtime-Client-Context": '{"custom":{"a":"\\u00e9"}}',
            "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i"}'}).value
        self.assertEqual((value["clientContext"], value["identity"]),
                         ({"custom": {"a": "\u00e9"}}, {"cognitoIdentityId": "i"}))
        self.assertEqual((value["awsRequestId"], value["functionName"], value["trace"]),
                         (FIRST, "tested", "Root=1-a"))
        self.assertTrue(value["left"])
        value = worker.invoke(headers={"Lambda-Runtime-Trace-Id": None}).value
        self.assertNotIn("clientContext", value)
        self.assertIsNone(value["trace"])
        told = worker.invoke(headers={"Lambda-Runtime-Client-Context": "{no json"})
        self.assertIn("Cannot parse ClientContext as json", told.value["errorMessage"])

    def test_a_deep_event(self):
        worker = self.worker("exports.handler = async (event) => event.length;")
        for depth in (1000, 1000000):
            self.assertEqual(worker.invoke(body=b"[" * depth + b"]" * depth).value, 1)

    def test_a_stream(self):
        told = self.call("""exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
            stream.write('a');
            stream.end('b');
        });""")
        self.assertEqual((told.what, told.body),
                         ("response", b'{"statusCode":201}' + bytes(8) + b"ab"))
        told = self.call("exports.handler = awslambda.streamifyResponse(async () => "
                         "{ throw null; });")
        self.assertEqual(told.value["errorMessage"], "handled")


if __name__ == "__main__":
    unittest.main()
