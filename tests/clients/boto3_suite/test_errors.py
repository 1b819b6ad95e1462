"""What the service refuses: code, HTTP status and the exception class that callers catch."""
import json
import xml.etree.ElementTree as ElementTree

from .support import ENDPOINT, SqsTest, raw

PREFIX = "AWS.SimpleQueueService."
INVALID = "InvalidParameterValue"


class QueueErrors(SqsTest):
    def test_unknown_queue_in_every_action(self):
        url = "%s/000000000000/%s" % (ENDPOINT, self.name())
        entry = {"Id": "1", "ReceiptHandle": "h"}
        calls = {
            "get_queue_attributes": {"AttributeNames": ["All"]},
            "set_queue_attributes": {"Attributes": {"DelaySeconds": "1"}},
            "send_message": {"MessageBody": "x"},
            "send_message_batch": {"Entries": [{"Id": "1", "MessageBody": "x"}]},
            "receive_message": {},
            "delete_message": {"ReceiptHandle": "h"},
            "delete_message_batch": {"Entries": [entry]},
            "change_message_visibility": {"ReceiptHandle": "h", "VisibilityTimeout": 1},
            "change_message_visibility_batch": {"Entries": [{**entry, "VisibilityTimeout": 1}]},
            "purge_queue": {},
            "delete_queue": {},
            "tag_queue": {"Tags": {"a": "b"}},
            "untag_queue": {"TagKeys": ["a"]},
            "list_queue_tags": {},
            "list_dead_letter_source_queues": {},
            "add_permission": {"Label": "l", "AWSAccountIds": ["111111111111"],
                               "Actions": ["SendMessage"]},
            "remove_permission": {"Label": "l"},
        }
        for action, parameters in calls.items():
            with self.subTest(action):
                self.refused(PREFIX + "NonExistentQueue", getattr(self.sqs, action),
                             exception="QueueDoesNotExist", QueueUrl=url, **parameters)
        self.refused(PREFIX + "NonExistentQueue", self.sqs.get_queue_url,
                     exception="QueueDoesNotExist", QueueName=self.name())

    def test_names(self):
        for bad in ("a b", "x" * 81, "dots.are.not", "ação", "slash/name", "half.fifo"):
            with self.subTest(bad):
                self.refused(INVALID, self.sqs.create_queue, QueueName=bad)
        self.refused(INVALID, self.sqs.create_queue, QueueName=self.name(),
                     Attributes={"FifoQueue": "true"})
        self.queue("y" * 80)

    def test_the_same_name_with_other_attributes(self):
        name = self.name()
        self.queue(name, DelaySeconds=5)
        for attributes in ({"DelaySeconds": "6"}, {"DelaySeconds": "5", "VisibilityTimeout": "1"}):
            text = self.refused("QueueAlreadyExists", self.sqs.create_queue, QueueName=name,
                                exception="QueueNameExists", Attributes=attributes)
        self.assertIn("VisibilityTimeout", text)

    def test_a_deleted_name_rests_for_a_minute(self):
        name = self.name()
        self.sqs.delete_queue(QueueUrl=self.queue(name))
        self.refused(PREFIX + "QueueDeletedRecently", self.sqs.create_queue,
                     exception="QueueDeletedRecently", QueueName=name)

    def test_one_purge_a_minute(self):
        url = self.queue()
        self.sqs.purge_queue(QueueUrl=url)
        self.refused(PREFIX + "PurgeQueueInProgress", self.sqs.purge_queue, status=403,
                     exception="PurgeQueueInProgress", QueueUrl=url)

    def test_attribute_names(self):
        url = self.queue()
        for name, attributes in (("unknown", {"Colour": "red"}), ("read-only", {"QueueArn": "x"}),
                                 ("of FIFO queues", {"ContentBasedDeduplication": "true"}),
                                 ("of FIFO queues", {"DeduplicationScope": "queue"}),
                                 ("type", {"FifoQueue": "true"})):
            with self.subTest(name):
                self.refused("InvalidAttributeName", self.sqs.set_queue_attributes,
                             exception="InvalidAttributeName", QueueUrl=url, Attributes=attributes)
                self.refused("InvalidAttributeName", self.sqs.create_queue, QueueName=self.name(),
                             exception="InvalidAttributeName", Attributes=attributes
                             ) if name != "type" else None
        self.refused("InvalidAttributeName", self.sqs.get_queue_attributes,
                     exception="InvalidAttributeName", QueueUrl=url, AttributeNames=["Colour"])
        fifo = self.queue(fifo=True)
        self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes, QueueUrl=fifo,
                     Attributes={"FifoQueue": "false"})

    def test_attribute_values(self):
        url = self.queue()
        for name, values in {
                "VisibilityTimeout": ("43201", "-1", "soon", "1.5"),
                "DelaySeconds": ("901", "-1", "x"),
                "MessageRetentionPeriod": ("59", "1209601"),
                "MaximumMessageSize": ("1023", "1048577"),
                "ReceiveMessageWaitTimeSeconds": ("21", "-1")}.items():
            for value in values:
                with self.subTest("%s=%s" % (name, value)):
                    self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes,
                                 QueueUrl=url, Attributes={name: value})
        fifo = self.queue(fifo=True)
        self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes, QueueUrl=fifo,
                     Attributes={"DeduplicationScope": "planet"})
        self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes, QueueUrl=url,
                     Attributes={"Policy": "{not json"})

    def test_redrive_policies(self):
        target = self.queue()
        url = self.queue()
        arn = self.arn(target)
        fifo = self.arn(self.queue(fifo=True))
        for policy in ({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42},
                       {"deadLetterTargetArn": arn}, {"maxReceiveCount": 1},
                       {"deadLetterTargetArn": arn, "maxReceiveCount": 0},
                       {"deadLetterTargetArn": arn, "maxReceiveCount": 1001},
                       {"deadLetterTargetArn": arn, "maxReceiveCount": "many"},
                       {"deadLetterTargetArn": arn + "-none", "maxReceiveCount": 1},
                       {"deadLetterTargetArn": fifo, "maxReceiveCount": 1}):
            with self.subTest(json.dumps(policy)):
                self.refused(INVALID, self.sqs.set_queue_attributes, QueueUrl=url,
                             Attributes={"RedrivePolicy": json.dumps(policy)})

    def test_labels_tags_and_paging(self):
        url = self.queue()
        permission = {"QueueUrl": url, "Label": "one", "AWSAccountIds": ["111111111111"],
                      "Actions": ["SendMessage"]}
        self.sqs.add_permission(**permission)
        self.refused(INVALID, self.sqs.add_permission, **permission)
        self.refused(INVALID, self.sqs.remove_permission, QueueUrl=url, Label="two")
        self.refused(INVALID, self.sqs.add_permission, **{**permission, "Label": "a b"})
        self.refused(INVALID, self.sqs.add_permission,
                     **{**permission, "Label": "new", "Actions": ["Dance"]})
        self.refused(INVALID, self.sqs.tag_queue, QueueUrl=url,
                     Tags={"tag%d" % i: "x" for i in range(51)})
        self.refused(INVALID, self.sqs.list_queues, MaxResults=1001)
        self.refused(INVALID, self.sqs.list_queues, MaxResults=1, NextToken="no token")


class MessageErrors(SqsTest):
    def test_receipt_handles(self):
        url = self.queue()
        handle = {"QueueUrl": url, "ReceiptHandle": "not a handle"}
        for call, more in ((self.sqs.delete_message, {}),
                           (self.sqs.change_message_visibility, {"VisibilityTimeout": 1})):
            self.refused("ReceiptHandleIsInvalid", call, status=404,
                         exception="ReceiptHandleIsInvalid", **handle, **more)
        other = self.queue()
        self.send(other)
        foreign = self.receive_one(other)["ReceiptHandle"]
        self.refused("ReceiptHandleIsInvalid", self.sqs.delete_message, status=404,
                     QueueUrl=url, ReceiptHandle=foreign)

    def test_visibility_of_what_is_not_in_flight(self):
        url = self.queue()
        self.send(url)
        handle = {"QueueUrl": url, "ReceiptHandle": self.receive_one(url)["ReceiptHandle"]}
        change = self.sqs.change_message_visibility
        self.refused(INVALID, change, **handle, VisibilityTimeout=43201)
        self.refused(INVALID, change, **handle, VisibilityTimeout=-1)
        change(**handle, VisibilityTimeout=0)
        self.refused(PREFIX + "MessageNotInflight", change, exception="MessageNotInflight",
                     **handle, VisibilityTimeout=5)
        self.sqs.delete_message(**handle)
        self.refused(INVALID, change, **handle, VisibilityTimeout=5)

    def test_a_stale_handle_deletes_nothing(self):
        url = self.queue()
        self.send(url)
        first = self.receive_one(url, VisibilityTimeout=0)
        second = self.receive_one(url, VisibilityTimeout=30)
        self.delete(url, first)  # SQS says yes, and the message stays.
        counts = self.attributes(url)
        self.assertEqual(counts["ApproximateNumberOfMessagesNotVisible"], "1")
        self.delete(url, second)
        self.assertEqual(self.attributes(url)["ApproximateNumberOfMessagesNotVisible"], "0")

    def test_contents(self):
        url = self.queue()
        for name, body in (("control", "a\x01b"), ("null", "a\x00b"), ("vertical tab", "\x0b"),
                           ("U+FFFE", "\ufffe"), ("U+FFFF", "a\uffff")):
            with self.subTest(name):
                self.refused("InvalidMessageContents", self.sqs.send_message, QueueUrl=url,
                             exception="InvalidMessageContents", MessageBody=body)
        self.refused("MissingParameter", self.sqs.send_message, QueueUrl=url, MessageBody="")
        self.assertEqual(self.bodies(url), [], "something was stored")

    def test_parameters_out_of_range(self):
        url = self.queue()
        receive = self.sqs.receive_message
        for name, values in {"MaxNumberOfMessages": (0, 11), "WaitTimeSeconds": (-1, 21),
                             "VisibilityTimeout": (-1, 43201)}.items():
            for value in values:
                with self.subTest("%s=%d" % (name, value)):
                    text = self.refused(INVALID, receive, QueueUrl=url, **{name: value})
                    self.assertIn(name, text)
        for delay in (-1, 901):
            self.refused(INVALID, self.sqs.send_message, QueueUrl=url, MessageBody="x",
                         DelaySeconds=delay)

    def test_parameters_of_the_other_queue_type(self):
        url = self.queue()
        self.refused(INVALID, self.sqs.send_message, QueueUrl=url, MessageBody="x",
                     MessageDeduplicationId="id")
        fifo = self.queue(fifo=True)
        send = self.sqs.send_message
        self.refused("MissingParameter", send, QueueUrl=fifo, MessageBody="x",
                     MessageDeduplicationId="id")
        self.refused(INVALID, send, QueueUrl=fifo, MessageBody="x", MessageGroupId="g")
        self.refused(INVALID, send, QueueUrl=fifo, MessageBody="x", MessageGroupId="g",
                     MessageDeduplicationId="id", DelaySeconds=2)
        for bad in ("", "with space", "g" * 129, "ação"):
            with self.subTest(bad):
                self.refused(INVALID, send, QueueUrl=fifo, MessageBody="x",
                             MessageGroupId="g", MessageDeduplicationId=bad)
                self.refused(INVALID, send, QueueUrl=url, MessageBody="x", MessageGroupId=bad)
        for entry in ({"MessageDeduplicationId": "id"}, {"MessageGroupId": "g"}):
            self.refused(INVALID, self.sqs.send_message_batch, QueueUrl=fifo,
                         Entries=[{"Id": "1", "MessageBody": "x", **entry}])

    def test_message_attributes(self):
        url = self.queue()
        text = {"DataType": "String", "StringValue": "x"}
        cases = {
            "eleven": {"a%d" % i: text for i in range(11)},
            "no type": {"a": {"DataType": "", "StringValue": "x"}},
            "an unknown type": {"a": {"DataType": "Colour", "StringValue": "x"}},
            "no value": {"a": {"DataType": "String"}},
            "an empty value": {"a": {"DataType": "String", "StringValue": ""}},
            "empty bytes": {"a": {"DataType": "Binary", "BinaryValue": b""}},
            "not a number": {"a": {"DataType": "Number", "StringValue": "many"}},
            "text as binary": {"a": {"DataType": "Binary", "StringValue": "x"}},
            "a control character": {"a": {"DataType": "String", "StringValue": "\x01"}},
            "a reserved name": {"AWS.trace": text},
            "a reserved name in small": {"amazon.x": text},
            "a name that ends with a dot": {"a.": text},
            "a name that starts with a dot": {".a": text},
            "two dots": {"a..b": text},
            "a space": {"a b": text},
            "a long name": {"n" * 257: text},
            "a long type": {"a": {"DataType": "String." + "x" * 250, "StringValue": "x"}},
        }
        for name, attributes in cases.items():
            with self.subTest(name):
                self.refused(INVALID, self.sqs.send_message, QueueUrl=url, MessageBody="x",
                             MessageAttributes=attributes)
        self.refused(INVALID, self.sqs.send_message, QueueUrl=url, MessageBody="x",
                     MessageSystemAttributes={"Other": text})
        self.assertEqual(self.bodies(url), [], "something was stored")

    def test_too_many_in_flight(self):
        url = self.sqs.get_queue_url(QueueName="narrow")["QueueUrl"]
        for body in ("1", "2", "3"):
            self.send(url, body)
        taken = [self.receive_one(url) for _ in range(2)]
        self.refused("OverLimit", self.sqs.receive_message, status=403, exception="OverLimit",
                     QueueUrl=url)
        for message in taken:
            self.delete(url, message)
        self.delete(url, self.receive_one(url))


class BatchErrors(SqsTest):
    def batches(self, url, entries):
        """The calls of the three batch actions with entries that have these ids."""
        yield self.sqs.send_message_batch, {
            "QueueUrl": url, "Entries": [{"Id": one, "MessageBody": "x"} for one in entries]}
        yield self.sqs.delete_message_batch, {
            "QueueUrl": url, "Entries": [{"Id": one, "ReceiptHandle": "h"} for one in entries]}
        yield self.sqs.change_message_visibility_batch, {
            "QueueUrl": url, "Entries": [
                {"Id": one, "ReceiptHandle": "h", "VisibilityTimeout": 1} for one in entries]}

    def test_the_batch_as_a_whole(self):
        url = self.queue()
        for exception, ids in (("EmptyBatchRequest", []),
                               ("TooManyEntriesInBatchRequest", [str(i) for i in range(11)]),
                               ("BatchEntryIdsNotDistinct", ["a", "b", "a"]),
                               ("InvalidBatchEntryId", ["x" * 81]),
                               ("InvalidBatchEntryId", ["a:b"]),
                               ("InvalidBatchEntryId", [""])):
            for call, parameters in self.batches(url, ids):
                with self.subTest("%s %s" % (exception, ids)):
                    self.refused(PREFIX + exception, call, exception=exception, **parameters)
        self.assertEqual(self.bodies(url), [], "something was stored")


class RawQuery(SqsTest):
    """What no SDK lets through."""

    def error(self, reply):
        status, headers, text = reply
        self.assertIn("xml", headers["Content-Type"])
        self.assertTrue(headers["x-amzn-RequestId"], "no x-amzn-RequestId")
        root = ElementTree.fromstring(text)
        space = root.tag[:-len("ErrorResponse")]
        self.assertEqual(space, "{http://queue.amazonaws.com/doc/2012-11-05/}")
        self.assertEqual(root.find(space + "RequestId").text, headers["x-amzn-RequestId"])
        return status, root.find("%sError/%sCode" % (space, space)).text

    def ask(self, **parameters):
        return self.error(raw({"Version": "2012-11-05", **parameters}))

    def test_action(self):
        self.assertEqual(self.ask(Action="Dance"), (400, "InvalidAction"))

    def test_missing_parameters(self):
        url = self.queue()
        for parameters in ({"Action": "SendMessage", "MessageBody": "x"},
                           {"Action": "SendMessage", "QueueUrl": url},
                           {"Action": "DeleteMessage", "QueueUrl": url},
                           {"Action": "GetQueueUrl"},
                           {"Action": "CreateQueue"},
                           {"Action": "ChangeMessageVisibility", "QueueUrl": url,
                            "ReceiptHandle": "h"}):
            with self.subTest(str(parameters)):
                self.assertEqual(self.ask(**parameters), (400, "MissingParameter"))

    def test_ill_typed_parameters(self):
        url = self.queue()
        for parameters in ({"Action": "ReceiveMessage", "MaxNumberOfMessages": "ten"},
                           {"Action": "ReceiveMessage", "WaitTimeSeconds": "1.5"},
                           {"Action": "SendMessage", "MessageBody": "x", "DelaySeconds": "soon"},
                           {"Action": "SendMessage", "MessageBody": "x",
                            "DelaySeconds": "99999999999999999999"}):
            with self.subTest(str(parameters)):
                status, code = self.ask(QueueUrl=url, **parameters)
                self.assertEqual(status, 400)
                self.assertIn(code, (INVALID, "MalformedInput"))
        self.assertEqual(self.bodies(url), [], "something was stored")

    def test_broken_forms(self):
        url = self.queue()
        for name, form in (("bad UTF-8", b"Action=SendMessage&MessageBody=%ff%fe"),
                           ("half an escape", b"Action=SendMessage&MessageBody=x%4"),
                           ("not hexadecimal", b"Action=SendMessage&MessageBody=x%zz")):
            with self.subTest(name):
                status, _ = self.error(raw(form + b"&QueueUrl=" + url.encode()))
                self.assertIn(status, (400, 404))
        self.assertEqual(self.bodies(url), [], "something was stored")

    def test_the_queue_url_as_the_requests_own(self):
        url = self.queue()
        path = url[url.index("/", len("http://")):]
        status, _, text = raw({"Action": "SendMessage", "MessageBody": "by its path"}, path=path)
        self.assertEqual(status, 200, text)
        status, _, text = raw(path=path + "?Action=ReceiveMessage&AttributeName.1=All", method="GET")
        self.assertEqual(status, 200, text)
        self.assertIn("by its path", text)
