"""The Lambda service with boto3: functions made, looked at, invoked and removed, and its errors."""
import io
import json
import threading
import unittest
import uuid
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .support import ENDPOINT, SqsTest

ROLE = "arn:aws:iam::000000000000:role/tests"
PYTHON = """
import os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no such order")
    print("seen", event["n"])
    return {"n": event["n"], "name": context.function_name, "stage": os.environ.get("STAGE"),
            "custom": context.client_context.custom if context.client_context else None}
"""


def archive(**files):
    """A zip file; a name's _ is a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name.replace("_", "."), text)
    return out.getvalue()


class Lambda(SqsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
        cls.functions = boto3.client("lambda", endpoint_url=ENDPOINT, config=config)
        cls.addClassCleanup(cls.functions.close)

    def create(self, **more):
        name = "py-" + uuid.uuid4().hex[:16]
        options = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE,
                   "Code": {"ZipFile": archive(app_py=PYTHON)}, **more}
        self.functions.create_function(FunctionName=name, **options)
        self.addCleanup(self.drop_function, name)
        return name

    def drop_function(self, name):
        try:
            self.functions.delete_function(FunctionName=name)
        except self.functions.exceptions.ResourceNotFoundException:
            pass  # The test deleted it.

    def invoke(self, name, event, **more):
        reply = self.functions.invoke(FunctionName=name, Payload=json.dumps(event), **more)
        text = reply["Payload"].read()
        return reply, json.loads(text) if text else None

    def function_refused(self, code, call, status=400, **parameters):
        with self.assertRaises(ClientError) as raised:
            call(**parameters)
        response = raised.exception.response
        self.assertEqual(response["Error"]["Code"], code, str(raised.exception))
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)
        self.assertTrue(response["Error"]["Message"])
        self.assertTrue(response["ResponseMetadata"]["RequestId"])
        return raised.exception

    def test_a_functions_life(self):
        name = self.create(Environment={"Variables": {"STAGE": "test"}}, Tags={"team": "tests"})
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name)
        got = self.functions.get_function(FunctionName=name)
        self.assertEqual(got["Configuration"]["Handler"], "app.handler")
        self.assertEqual(got["Tags"], {"team": "tests"})
        self.functions.update_function_configuration(FunctionName=name, Timeout=9)
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        self.assertEqual(self.functions.get_function_configuration(FunctionName=name)["Timeout"], 9)
        self.functions.update_function_code(
            FunctionName=name, ZipFile=archive(app_py=PYTHON + "\n#"), Publish=True)
        pages = self.functions.get_paginator("list_functions").paginate(FunctionVersion="ALL")
        versions = [f["Version"] for page in pages for f in page["Functions"]
                    if f["FunctionName"] == name]
        self.assertEqual(versions, ["$LATEST", "1"])
        self.functions.delete_function(FunctionName=name)
        self.assertFalse(self.is_there(name))

    def is_there(self, name):
        try:
            self.functions.get_function(FunctionName=name)
        except self.functions.exceptions.ResourceNotFoundException:
            return False
        return True

    def test_code_outlives_its_change_while_it_runs(self):
        began, go = self.queue(), self.queue()
        files = {"app_py": """
import json, os, urllib.request
def ask(action, **body):
    return json.load(urllib.request.urlopen(urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(),
        {"X-Amz-Target": "AmazonSQS." + action, "Content-Type": "application/x-amz-json-1.0"})))
def handler(event, context):
    ask("SendMessage", QueueUrl=event["began"], MessageBody="began")
    ask("ReceiveMessage", QueueUrl=event["go"], WaitTimeSeconds=20)
    import helper
    return helper.value
""", "helper_py": "value = 'old'"}
        name = self.create(Code={"ZipFile": archive(**files)}, Timeout=30)
        replies = []

        def run():
            replies.append(self.invoke(name, {"began": began, "go": go})[1])

        running = threading.Thread(target=run)
        running.start()
        self.receive_one(began)
        files["helper_py"] = "value = 'new'"
        self.functions.update_function_code(FunctionName=name, ZipFile=archive(**files))
        self.send(go, "go")
        running.join()
        self.assertEqual(replies, ["old"])
        self.send(go, "go")
        self.assertEqual(self.invoke(name, {"began": began, "go": go})[1], "new")

    def test_invocations(self):
        name = self.create(Environment={"Variables": {"STAGE": "test"}})
        context = "eyJjdXN0b20iOiB7ImEiOiAiYiJ9fQ=="  # {"custom": {"a": "b"}}
        reply, answer = self.invoke(name, {"n": 7}, LogType="Tail", ClientContext=context)
        self.assertEqual(answer, {"n": 7, "name": name, "stage": "test", "custom": {"a": "b"}})
        self.assertEqual((reply["StatusCode"], reply["ExecutedVersion"]), (200, "$LATEST"))
        self.assertNotIn("FunctionError", reply)
        reply, answer = self.invoke(name, {"fail": True})
        self.assertEqual((reply["StatusCode"], reply["FunctionError"]), (200, "Unhandled"))
        self.assertEqual((answer["errorType"], answer["errorMessage"]),
                         ("ValueError", "no such order"))
        reply, _ = self.invoke(name, {"n": 1}, InvocationType="Event")
        self.assertEqual(reply["StatusCode"], 202)
        reply, _ = self.invoke(name, {"n": 1}, InvocationType="DryRun")
        self.assertEqual(reply["StatusCode"], 204)

    def test_a_queue_feeds_a_function(self):
        url = self.queue()
        target = self.queue()
        name = self.create(Code={"ZipFile": archive(app_py="""
import json, os, urllib.request
def handler(event, context):
    for record in event["Records"]:
        body = json.dumps({"QueueUrl": os.environ["TARGET"], "MessageBody": record["body"]})
        urllib.request.urlopen(urllib.request.Request(
            os.environ["AWS_ENDPOINT_URL"], body.encode(),
            {"X-Amz-Target": "AmazonSQS.SendMessage",
             "Content-Type": "application/x-amz-json-1.0"})).read()
""")}, Environment={"Variables": {"TARGET": target}})
        mapping = self.functions.create_event_source_mapping(
            FunctionName=name, EventSourceArn=self.arn(url), BatchSize=3)
        self.send(url, "through the function")
        self.assertEqual(self.receive_one(target)["Body"], "through the function")
        self.functions.delete_event_source_mapping(UUID=mapping["UUID"])

    def test_errors(self):
        name = self.create()
        call = self.functions.create_function
        good = {"FunctionName": name, "Runtime": "python3.12", "Handler": "app.handler",
                "Role": ROLE, "Code": {"ZipFile": archive(app_py=PYTHON)}}
        error = self.function_refused("ResourceConflictException", call, 409, **good)
        self.assertIsInstance(error, self.functions.exceptions.ResourceConflictException)
        good["FunctionName"] = "py-other"
        self.function_refused("InvalidParameterValueException", call, **{**good, "Runtime": "go1.x"})
        self.function_refused("ValidationException", call, **{**good, "Role": "x"})
        self.function_refused("InvalidParameterValueException", call,
                              **{**good, "Code": {"ZipFile": b"no zip"}})
        error = self.function_refused("ResourceNotFoundException", self.functions.invoke, 404,
                                      FunctionName="py-nobody")
        self.assertIsInstance(error, self.functions.exceptions.ResourceNotFoundException)
        self.function_refused("InvalidRequestContentException", self.functions.invoke,
                              FunctionName=name, Payload=b"{")


if __name__ == "__main__":
    unittest.main()
