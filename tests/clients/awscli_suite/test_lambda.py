"""The Lambda service with the AWS CLI, as a shell script would use it."""
import json
import os
import subprocess
import tempfile
import unittest
import uuid
import zipfile

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
ROLE = "arn:aws:iam::000000000000:role/tests"


def aws(action, *arguments, code=0, **options):
    """The reply as JSON (None: none was printed), or the error's text where `code` is not 0."""
    command = [os.environ["TEST_AWS"], "--endpoint-url", ENDPOINT, "--output", "json", "lambda",
               action]
    for name, value in options.items():
        command.append("--" + name.replace("_", "-"))
        command.append(value if isinstance(value, str) else json.dumps(value))
    command += arguments
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError("%s ended with %d: %s" % (command[5:], done.returncode, done.stderr))
    if code:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


class LambdaCli(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="porteiro-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def archive(self, text):
        path = self.path("code.zip")
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("app.py", text)
        return "fileb://" + path

    def test_a_functions_life(self):
        name = "cli-" + uuid.uuid4().hex[:16]
        made = aws("create-function", function_name=name, runtime="python3.12", role=ROLE,
                   handler="app.handler", zip_file=self.archive("def handler(e, c): return e"))
        self.assertEqual(made["State"], "Active")
        aws("wait", "function-active-v2", "--function-name", name)
        out = self.path("out.json")
        with open(self.path("in.json"), "w", encoding="utf-8") as event:
            event.write('{"key": "ação"}')
        reply = aws("invoke", out, function_name=name, payload="fileb://" + self.path("in.json"))
        self.assertEqual(reply["StatusCode"], 200)
        with open(out, encoding="utf-8") as answer:
            self.assertEqual(json.load(answer), {"key": "ação"})
        aws("update-function-configuration", function_name=name, timeout="20")
        aws("update-function-code", function_name=name,
            zip_file=self.archive("def handler(e, c): return 'new'"))
        aws("wait", "function-updated", "--function-name", name)
        aws("publish-version", function_name=name, description="first")
        aws("create-alias", function_name=name, name="live", function_version="1")
        reply = aws("invoke", out, function_name=name, qualifier="live")
        self.assertEqual(reply["ExecutedVersion"], "1")
        aws("put-function-concurrency", function_name=name, reserved_concurrent_executions="0")
        error = aws("invoke", out, function_name=name, code=254)
        self.assertIn("TooManyRequestsException", error)
        aws("tag-resource", resource=made["FunctionArn"], tags={"team": "tests"})
        self.assertEqual(aws("list-tags", resource=made["FunctionArn"]),
                         {"Tags": {"team": "tests"}})
        aws("delete-function", function_name=name)
        error = aws("get-function", function_name=name, code=254)
        self.assertIn("ResourceNotFoundException", error)


if __name__ == "__main__":
    unittest.main()
