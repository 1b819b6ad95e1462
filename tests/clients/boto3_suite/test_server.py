"""The service as a server: waiting, addresses, signatures, and queues that a config declares."""
import json
import os
import subprocess
import threading
import time
import urllib.request
import uuid

from .support import ACCOUNT, ENDPOINT, PATIENCE_SECONDS, SqsTest, client, raw

VERIFYING = os.environ["TEST_VERIFYING_ENDPOINT"]
PORT = ENDPOINT.rsplit(":", 1)[1]


class Waiting(SqsTest):
    def poll(self, url, wait=PATIENCE_SECONDS):
        """A long poll of another client, that has begun; join it for (messages, seconds)."""
        other, result, begun = client(), [], threading.Event()

        def run():
            start = time.monotonic()
            begun.set()
            reply = other.receive_message(QueueUrl=url, WaitTimeSeconds=wait)
            result.extend([reply.get("Messages", []), time.monotonic() - start])

        thread = threading.Thread(target=run)
        thread.start()
        begun.wait()

        def join():
            thread.join()
            return result[0], result[1]

        return join

    def test_a_long_poll_wakes_on_a_send_from_another_client(self):
        url = self.queue()
        join = self.poll(url)
        self.assertEqual(self.receive(self.queue(), wait=1), [])  # The poll waits meanwhile.
        self.send(url, "wake up")
        messages, seconds = join()
        self.assertEqual([one["Body"] for one in messages], ["wake up"])
        self.assertTrue(0.5 < seconds < PATIENCE_SECONDS / 2, "it took %.1f s" % seconds)

    def test_one_message_wakes_one_of_many(self):
        url = self.queue()
        joins = [self.poll(url, wait=3) for _ in range(5)]
        self.send(url, "for one")
        counts = sorted(len(join()[0]) for join in joins)
        self.assertEqual(counts, [0, 0, 0, 0, 1])

    def test_an_empty_poll_ends_in_time(self):
        url = self.queue(ReceiveMessageWaitTimeSeconds=1)
        start = time.monotonic()
        self.assertNotIn("Messages", self.sqs.receive_message(QueueUrl=url))
        self.assertTrue(0.9 < time.monotonic() - start < 5, "the queue's own wait time counts")
        start = time.monotonic()
        self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)
        self.assertLess(time.monotonic() - start, 0.9, "the request's wait time comes first")

    def test_a_long_poll_wakes_when_a_delay_ends(self):
        url = self.queue()
        self.send(url, "later", DelaySeconds=1)
        self.send(url, "now", DelaySeconds=0)
        self.assertEqual(self.attributes(url)["ApproximateNumberOfMessagesDelayed"], "1")
        self.assertEqual(self.bodies(url), ["now"])
        start = time.monotonic()
        self.assertEqual(self.bodies(url, wait=PATIENCE_SECONDS), ["later"])
        self.assertLess(time.monotonic() - start, 5)

    def test_the_queues_delay_and_the_messages_own(self):
        url = self.queue(DelaySeconds=900)
        self.send(url, "with the queue's")
        self.send(url, "with its own", DelaySeconds=0)
        self.assertEqual(self.bodies(url, wait=5), ["with its own"])

    def test_deleting_a_queue_ends_its_polls(self):
        url = self.queue()
        other, outcome = client(), []

        def run():
            try:
                outcome.append(other.receive_message(QueueUrl=url, WaitTimeSeconds=20))
            except other.exceptions.QueueDoesNotExist as gone:
                outcome.append(gone)

        thread = threading.Thread(target=run)
        start = time.monotonic()
        thread.start()
        self.receive(self.queue(), wait=1)
        self.sqs.delete_queue(QueueUrl=url)
        thread.join()
        self.assertLess(time.monotonic() - start, 10, "the poll went on")
        self.assertNotIn("Messages", outcome[0] if isinstance(outcome[0], dict) else {})


class Addresses(SqsTest):
    def test_urls_follow_the_name_the_client_used(self):
        name = self.name()
        numeric = self.queue(name)
        self.assertEqual(numeric, "http://127.0.0.1:%s/%s/%s" % (PORT, ACCOUNT, name))
        by_name = client("http://localhost:" + PORT)
        named = by_name.get_queue_url(QueueName=name)["QueueUrl"]
        self.assertEqual(named, "http://localhost:%s/%s/%s" % (PORT, ACCOUNT, name))
        self.assertIn(named, by_name.list_queues(QueueNamePrefix=name)["QueueUrls"])
        by_name.send_message(QueueUrl=numeric, MessageBody="across")
        self.assertEqual(self.bodies(named, wait=5), ["across"])

    def test_a_mapped_port_and_another_host(self):
        name = self.name()
        self.queue(name)
        for host in ("queues.example:9324", "sqs.us-east-1.example.internal", "[::1]:80"):
            with self.subTest(host):
                status, _, text = raw({"Action": "GetQueueUrl", "QueueName": name},
                                      headers={"Host": host})
                self.assertEqual(status, 200, text)
                url = "http://%s/%s/%s" % (host, ACCOUNT, name)
                self.assertIn("<QueueUrl>%s</QueueUrl>" % url, text)
                self.send(url, host)
                self.assertEqual(self.bodies(url, wait=5), [host])

    def test_only_the_end_of_the_url_counts(self):
        url = self.queue()
        name = url.rsplit("/", 1)[1]
        for other in ("https://sqs.us-east-1.amazonaws.com/%s/%s" % (ACCOUNT, name),
                      "/%s/%s" % (ACCOUNT, name)):
            with self.subTest(other):
                self.send(other, other)
                self.assertEqual(self.bodies(url, wait=5), [other])

    def test_the_reply_names_the_request(self):
        metadata = self.sqs.list_queues()["ResponseMetadata"]
        self.assertRegex(metadata["RequestId"], r"^[0-9a-f-]{36}$")
        self.assertEqual(metadata["HTTPHeaders"]["x-amzn-requestid"], metadata["RequestId"])


class Signatures(SqsTest):
    """Against the server that verifies them."""

    @classmethod
    def setUpClass(cls):
        cls.sqs = client(VERIFYING)

    def test_signed_requests_of_every_kind_pass(self):
        url = self.queue(self.name(), tags={"a b": "ção +/=%20"})
        for body in ("plain", "  ação <&> +%20/~* \r\n", "x" * 1_000_000):
            self.send(url, body, MessageAttributes={
                "bytes": {"DataType": "Binary", "BinaryValue": bytes(range(256))}})
            message = self.receive_one(url)
            self.assertTrue(message["Body"] == body)
            self.delete(url, message)

    def test_what_is_not_signed_so_is_refused(self):
        cases = {
            "SignatureDoesNotMatch": client(VERIFYING, aws_secret_access_key="wrong",
                                            aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]),
            "InvalidClientTokenId": client(VERIFYING, aws_secret_access_key="any",
                                           aws_access_key_id="AKIDUNKNOWN"),
        }
        for code, impostor in cases.items():
            with self.subTest(code):
                self.refused(code, impostor.list_queues, status=403)
        status, _, text = raw({"Action": "ListQueues"}, endpoint=VERIFYING)
        self.assertEqual(status, 403)
        self.assertIn("<Code>MissingAuthenticationToken</Code>", text)

    def test_a_changed_body_is_refused(self):
        def alter(request, **_):
            text = request.body
            text = text if isinstance(text, str) else text.decode()
            self.assertIn("honest", text)
            request.body = text.replace("honest", "forged")

        url = self.queue()
        forger = client(VERIFYING)
        forger.meta.events.register("before-send.sqs.SendMessage", alter)
        self.refused("SignatureDoesNotMatch", forger.send_message, status=403, QueueUrl=url,
                     MessageBody="honest")
        self.assertEqual(self.bodies(url), [])

    def test_a_presigned_url(self):
        if self.sqs.meta.service_model.protocol != "query":
            self.skipTest("a link cannot carry what this boto3 sends: JSON")
        url = self.queue()
        signed = self.sqs.generate_presigned_url(
            "send_message", Params={"QueueUrl": url, "MessageBody": "by a link & more"},
            HttpMethod="GET")
        with urllib.request.urlopen(signed, timeout=10) as reply:
            self.assertEqual(reply.status, 200)
        self.assertEqual(self.bodies(url, wait=5), ["by a link & more"])
        forged = signed.replace("by%20a", "by%20the").replace("by+a", "by+the")
        self.assertNotEqual(forged, signed)
        with self.assertRaises(urllib.request.HTTPError) as raised:
            urllib.request.urlopen(forged, timeout=10)
        with raised.exception as refused:
            self.assertEqual(refused.code, 403)

    def test_any_credentials_elsewhere(self):
        stranger = client(aws_access_key_id="AKIDANY", aws_secret_access_key="thing")
        self.assertEqual(stranger.list_queues()["ResponseMetadata"]["HTTPStatusCode"], 200)
        status, _, text = raw({"Action": "ListQueues"})
        self.assertEqual(status, 200, text)


class Declared(SqsTest):
    """Queues of the config and queues of clients are the same thing."""

    def url(self, name):
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def peek(self, name):
        done = subprocess.run(
            [os.environ["TEST_PROGRAM"], "peek", name, "--json", "--inside-port", PORT],
            check=False, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_their_attributes_are_those_of_the_config(self):
        attributes = self.attributes(self.url("shelf"))
        self.assertEqual(attributes["VisibilityTimeout"], "2")
        self.assertEqual(json.loads(attributes["RedrivePolicy"]), {
            "deadLetterTargetArn": self.arn(self.url("shelf-dlq")), "maxReceiveCount": 1})
        sources = self.sqs.list_dead_letter_source_queues(QueueUrl=self.url("shelf-dlq"))
        self.assertEqual(sources["queueUrls"], [self.url("shelf")])
        self.assertTrue({self.url("inbox"), self.url("lookups")}
                        <= set(self.sqs.list_queues()["QueueUrls"]))

    def test_a_client_feeds_a_function(self):
        note = uuid.uuid4().hex
        event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/tests",
                 "type": "note.written", "data": {"body": {"id": note, "text": "from a client"}}}
        self.send(self.url("inbox"), json.dumps(event))
        gateway = os.environ["TEST_GATEWAY"]
        idle = self.queue()
        for _ in range(PATIENCE_SECONDS):
            status, _, text = raw(endpoint=gateway, path="/notes/" + note, method="GET")
            if status == 200:
                break
            self.receive(idle, wait=1)  # A second passes.
        self.assertEqual(status, 200, text)
        self.assertEqual(json.loads(text)["text"], "from a client")
        self.assertEqual(self.attributes(self.url("inbox"))["ApproximateNumberOfMessages"], "0")

    def test_a_route_takes_only_events(self):
        url = self.url("lookups")
        self.refused("InvalidMessageContents", self.sqs.send_message, QueueUrl=url,
                     MessageBody="not an event")
        self.assertEqual(self.attributes(url)["ApproximateNumberOfMessages"], "0")

    def test_peek_shows_and_takes_nothing(self):
        url = self.queue()
        name = url.rsplit("/", 1)[1]
        self.send(url, "hidden one")
        self.receive_one(url)
        self.send(url, "delayed one", DelaySeconds=900)
        self.send(url, "waiting one")
        for _ in range(2):
            shown = self.peek(name)
            for body in ("hidden one", "delayed one", "waiting one"):
                self.assertIn(body, shown)
        message = self.receive_one(url)
        self.assertEqual((message["Body"], message["Attributes"]["ApproximateReceiveCount"]),
                         ("waiting one", "1"))

    def test_a_config_queue_dead_letters_like_any_other(self):
        url = self.url("shelf")
        self.send(url, "on the shelf", MessageAttributes={
            "a": {"DataType": "String", "StringValue": "b"}})
        self.receive_one(url, VisibilityTimeout=0)
        self.assertEqual(self.receive(url), [])
        message = self.receive_one(self.url("shelf-dlq"))
        self.delete(self.url("shelf-dlq"), message)
        self.assertEqual(message["Attributes"]["DeadLetterQueueSourceArn"], self.arn(url))
        self.assertEqual(message["MessageAttributes"]["a"]["StringValue"], "b")
