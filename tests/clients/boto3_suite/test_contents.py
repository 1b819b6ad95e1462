"""Bodies and attributes of every kind, and the limits on their size."""
from .support import MIB, SqsTest, attributes_md5

TEXTS = {
    "XML and JSON": "<a href=\"x\">&amp; 'q' ]]> {\"b\": \"\\u00e9\\n\"} %41+%2B",
    "white space": "  two spaces, \ttab,\r\ncarriage return\rline feed\n at the end \n ",
    "only spaces": "   ",
    "languages": "ação Ελλάς кириллица 日本語 עברית العربية",
    "four bytes": "😀𝒳🇧🇷👩‍👩‍👧 \U0010ffff",
    "edges": "\u00a0\u0085\u2028\u2029\ud7ff\ue000\ufffd\u200b\u200f\ufeff",
    "one byte": "x",
}


class Contents(SqsTest):
    def test_texts_come_back_as_they_were_sent(self):
        url = self.queue()
        for name, text in TEXTS.items():
            with self.subTest(name):
                attributes = {
                    "text": {"DataType": "String", "StringValue": text},
                    "typed": {"DataType": "String.json <1>", "StringValue": text}}
                sent = self.send(url, text, MessageAttributes=attributes)
                self.assertEqual(sent["MD5OfMessageAttributes"], attributes_md5(attributes))
                message = self.receive_one(url)
                self.delete(url, message)
                self.assertEqual(message["Body"], text)
                self.assertEqual(message["MessageAttributes"], attributes)
                self.assertEqual(message["MD5OfMessageAttributes"], attributes_md5(attributes))

    def test_attributes_of_every_type(self):
        url = self.queue()
        attributes = {
            "Text": {"DataType": "String", "StringValue": "x"},
            "number": {"DataType": "Number", "StringValue": "-12345678901234567890.123456789012345678"},
            "Exponent": {"DataType": "Number.float", "StringValue": "1e-10"},
            "binary": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
            "Picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG\r\n\x1a\n\x00"},
            "zero": {"DataType": "Binary", "BinaryValue": b"\x00"},
            "a-b_c.d": {"DataType": "String.custom", "StringValue": "y"},
            "n" * 256: {"DataType": "String", "StringValue": "a long name"},
            "UPPER": {"DataType": "String", "StringValue": "1"},
            "lower": {"DataType": "String", "StringValue": "2"},
        }
        sent = self.send(url, MessageAttributes=attributes)
        self.assertEqual(sent["MD5OfMessageAttributes"], attributes_md5(attributes))
        message = self.receive_one(url)
        self.assertEqual(message["MessageAttributes"], attributes)
        self.assertEqual(message["MD5OfMessageAttributes"], attributes_md5(attributes))

    def test_the_guides_own_hash(self):
        sent = self.send(self.queue(), MessageAttributes={
            "attribName1": {"DataType": "String", "StringValue": "attribValue 1"}})
        self.assertEqual(sent["MD5OfMessageAttributes"], "19e27d4e946b072f3f58da80d94fd778")

    def test_attributes_in_a_batch(self):
        url = self.queue()
        entries = []
        for i in range(3):
            entries.append({"Id": str(i), "MessageBody": str(i), "MessageAttributes": {
                "number": {"DataType": "Number", "StringValue": str(i)},
                "bytes": {"DataType": "Binary", "BinaryValue": bytes([i])}}})
        for one in self.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]:
            self.assertEqual(one["MD5OfMessageAttributes"],
                             attributes_md5(entries[int(one["Id"])]["MessageAttributes"]))
        for message in self.receive(url, wait=5):
            self.assertEqual(message["MessageAttributes"],
                             entries[int(message["Body"])]["MessageAttributes"])


class Sizes(SqsTest):
    def test_one_mebibyte_and_one_byte_more(self):
        url = self.queue()
        attribute = {"name": {"DataType": "Binary", "BinaryValue": b"\xff" * 100}}
        attribute_bytes = len("name") + len("Binary") + 100
        for name, body, more in (
                ("letters", "a" * MIB, {}),
                ("bytes, not characters", "é" * (MIB // 2), {}),
                ("four bytes each", "😀" * (MIB // 4), {}),
                ("each escaped", "&" * MIB, {}),
                ("with attributes", "a" * (MIB - attribute_bytes), {"MessageAttributes": attribute})):
            with self.subTest(name):
                self.send(url, body, **more)
                message = self.receive_one(url)
                self.assertTrue(message["Body"] == body, "another body came back")
                self.delete(url, message)
                self.refused("InvalidParameterValue", self.sqs.send_message, QueueUrl=url,
                             MessageBody=body + "b", **more)
        self.assertEqual(self.bodies(url), [], "something was stored")

    def test_a_batchs_sum(self):
        url = self.queue()

        def entries(last):
            sizes = [MIB // 10] * 9 + [last]
            return [{"Id": str(i), "MessageBody": "b" * size} for i, size in enumerate(sizes)]

        fits = MIB - 9 * (MIB // 10)
        self.refused("AWS.SimpleQueueService.BatchRequestTooLong", self.sqs.send_message_batch,
                     exception="BatchRequestTooLong", QueueUrl=url, Entries=entries(fits + 1))
        self.assertEqual(self.bodies(url), [], "something was stored")
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=entries(fits))
        self.assertEqual(len(sent["Successful"]), 10)
        total = 0
        while total < MIB:
            messages = self.receive(url, wait=5)
            self.assertTrue(messages, "only %d bytes came" % total)
            total += sum(len(one["Body"]) for one in messages)
        self.assertEqual(total, MIB)

    def test_the_queues_own_limit(self):
        url = self.queue(MaximumMessageSize=1024)
        self.send(url, "a" * 1024)
        self.refused("InvalidParameterValue", self.sqs.send_message, QueueUrl=url,
                     MessageBody="a" * 1025)
        self.assertEqual(len(self.receive(url, wait=5)), 1)
