"""What the tests with boto3 share: clients, queues that go away, and checks of errors and hashes."""
import atexit
import hashlib
import json
import os
import struct
import unittest
import urllib.error
import urllib.parse
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
ACCOUNT = "000000000000"
MIB = 1 << 20
# A receive that should find something waits so long; one that should not, does not wait.
PATIENCE_SECONDS = 10


def client(endpoint=ENDPOINT, **more):
    """An SQS client that repeats nothing and so shows every error."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30, parameter_validation=True)
    made = boto3.client("sqs", endpoint_url=endpoint, config=config, **more)
    atexit.register(made.close)
    return made


def attributes_md5(attributes):
    """The hash over message attributes, as the SQS Developer Guide defines it."""
    digest = hashlib.md5()

    def add(data):
        data = data.encode() if isinstance(data, str) else data
        digest.update(struct.pack(">I", len(data)) + data)

    for name in sorted(attributes):
        value = attributes[name]
        add(name)
        add(value["DataType"])
        binary = value["DataType"].startswith("Binary")
        digest.update(b"\x02" if binary else b"\x01")
        add(value["BinaryValue" if binary else "StringValue"])
    return digest.hexdigest()


def raw(body=b"", path="/", headers=None, method="POST", endpoint=ENDPOINT):
    """(status, headers, text) of a request that no client library would make."""
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    request = urllib.request.Request(
        endpoint + path, data=body if method == "POST" else None, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


class SqsTest(unittest.TestCase):
    """A test with a client `sqs` and with queues that are deleted after it."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.sqs = client()

    def name(self, suffix=""):
        return "t-" + uuid.uuid4().hex[:16] + suffix

    def queue(self, name=None, fifo=False, tags=None, **attributes):
        """The URL of a new queue."""
        if fifo:
            attributes["FifoQueue"] = "true"
        name = name or self.name(".fifo" if fifo else "")
        more = {"tags": tags} if tags else {}
        url = self.sqs.create_queue(
            QueueName=name, Attributes={k: str(v) for k, v in attributes.items()}, **more)["QueueUrl"]
        self.addCleanup(self.drop, url)
        return url

    def drop(self, url):
        try:
            self.sqs.delete_queue(QueueUrl=url)
        except self.sqs.exceptions.QueueDoesNotExist:
            pass  # The test deleted it.

    def attributes(self, url, *names):
        return self.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=list(names) or ["All"]).get("Attributes", {})

    def arn(self, url):
        return self.attributes(url, "QueueArn")["QueueArn"]

    def send(self, url, body="hello", **more):
        return self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)

    def receive(self, url, wait=0, **more):
        """At most ten messages."""
        more.setdefault("MaxNumberOfMessages", 10)
        more.setdefault("AttributeNames", ["All"])
        more.setdefault("MessageAttributeNames", ["All"])
        return self.sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=wait, **more).get("Messages", [])

    def receive_one(self, url, **more):
        """The one message that has to be there, or to come."""
        messages = self.receive(url, wait=PATIENCE_SECONDS, MaxNumberOfMessages=1, **more)
        self.assertEqual(len(messages), 1, "no message came in %d s" % PATIENCE_SECONDS)
        message = messages[0]
        self.assertEqual(message["MD5OfBody"], hashlib.md5(message["Body"].encode()).hexdigest())
        return message

    def delete(self, url, message):
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def bodies(self, url, **more):
        return [message["Body"] for message in self.receive(url, **more)]

    def refused(self, code, call, status=400, exception=None, **parameters):
        """Calls, and checks that the service refuses with this code and status, as the class that
        callers catch, with a message and a request id. Gives the message."""
        with self.assertRaises(ClientError) as raised:
            call(**parameters)
        error = raised.exception
        response = error.response
        self.assertEqual(response["Error"]["Code"], code, str(error))
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status, str(error))
        self.assertTrue(response["Error"]["Message"], "the error has no message")
        self.assertTrue(response["ResponseMetadata"].get("RequestId"), "the error has no request id")
        self.assertEqual(response["Error"].get("Type"), "Sender", str(error))
        if exception:
            self.assertIsInstance(error, getattr(self.sqs.exceptions, exception))
        return response["Error"]["Message"]

    def redrive(self, target, max_receives=1):
        return json.dumps({"deadLetterTargetArn": self.arn(target), "maxReceiveCount": max_receives})
