"""FIFO queues: order, locked groups, deduplication."""
from .support import SqsTest


class Fifo(SqsTest):
    def put(self, url, body, group="g", **more):
        more.setdefault("MessageDeduplicationId", self.name())
        return self.send(url, body, MessageGroupId=group, **more)

    def test_each_group_keeps_its_order(self):
        url = self.queue(fifo=True)
        groups = ("red", "green", "blue")
        for batch in range(4):
            self.sqs.send_message_batch(QueueUrl=url, Entries=[
                {"Id": group, "MessageBody": "%s %d" % (group, batch), "MessageGroupId": group,
                 "MessageDeduplicationId": "%s-%d" % (group, batch)} for group in groups])
        seen = {group: [] for group in groups}
        while sum(len(bodies) for bodies in seen.values()) < 12:
            messages = self.receive(url, wait=5, MaxNumberOfMessages=5)
            self.assertTrue(messages, "only these came: %s" % seen)
            for message in messages:
                group, number = message["Body"].split()
                self.assertEqual(message["Attributes"]["MessageGroupId"], group)
                seen[group].append(int(number))
                self.delete(url, message)
        self.assertEqual(seen, {group: [0, 1, 2, 3] for group in groups})

    def test_a_batch_keeps_its_order_across_groups(self):
        url = self.queue(fifo=True)
        groups = "abcabcaabb"
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "MessageBody": str(i), "MessageGroupId": group,
             "MessageDeduplicationId": str(i)} for i, group in enumerate(groups)])
        numbers = [int(one["SequenceNumber"]) for one in
                   sorted(sent["Successful"], key=lambda one: int(one["Id"]))]
        self.assertEqual(numbers, sorted(set(numbers)), "sequence numbers have to grow")
        received = self.receive(url, wait=5)
        self.assertEqual([one["Body"] for one in received], [str(i) for i in range(10)])
        self.assertEqual([int(one["Attributes"]["SequenceNumber"]) for one in received], numbers)

    def test_system_attributes(self):
        url = self.queue(fifo=True)
        sent = self.put(url, "x", MessageDeduplicationId="dedup-1")
        system = self.receive_one(url)["Attributes"]
        self.assertEqual(set(system), {
            "SenderId", "SentTimestamp", "ApproximateReceiveCount", "MessageGroupId",
            "ApproximateFirstReceiveTimestamp", "MessageDeduplicationId", "SequenceNumber"})
        self.assertEqual((system["MessageGroupId"], system["MessageDeduplicationId"]),
                         ("g", "dedup-1"))
        self.assertEqual(system["SequenceNumber"], sent["SequenceNumber"])
        self.assertRegex(sent["SequenceNumber"], r"^\d{1,20}$")

    def test_a_group_is_locked_while_one_of_it_is_in_flight(self):
        url = self.queue(fifo=True)
        for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
            self.put(url, body, group)
        first = self.receive_one(url)
        self.assertEqual(first["Body"], "a1")
        second = self.receive_one(url)
        self.assertEqual(second["Body"], "b1", "group a is locked")
        self.assertEqual(self.bodies(url), [], "both groups are locked")
        self.delete(url, first)
        self.assertEqual(self.bodies(url, wait=5), ["a2"])
        self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"],
                                           VisibilityTimeout=0)
        self.assertEqual(self.bodies(url, wait=5), ["b1", "b2"], "b1 is first again")

    def test_a_long_poll_wakes_when_a_group_is_free(self):
        url = self.queue(fifo=True)
        self.put(url, "1")
        self.put(url, "2")
        self.receive_one(url, VisibilityTimeout=1)
        self.assertEqual(self.bodies(url, wait=10, MaxNumberOfMessages=1), ["1"],
                         "the first one comes again before the second")

    def test_deduplication_by_id_also_after_the_delete(self):
        url = self.queue(fifo=True)
        first = self.put(url, "one", MessageDeduplicationId="same")
        again = self.put(url, "other body", MessageDeduplicationId="same")
        self.assertEqual(again["MessageId"], first["MessageId"])
        self.assertEqual(again["SequenceNumber"], first["SequenceNumber"])
        elsewhere = self.put(url, "other group", "h", MessageDeduplicationId="same")
        self.assertEqual(elsewhere["MessageId"], first["MessageId"], "the scope is the queue")
        message = self.receive_one(url)
        self.assertEqual(message["Body"], "one")
        self.delete(url, message)
        self.put(url, "one", MessageDeduplicationId="same")
        self.assertEqual(self.bodies(url), [])

    def test_deduplication_by_content(self):
        url = self.queue(fifo=True, ContentBasedDeduplication="true")

        def put(body, **more):
            return self.send(url, body, MessageGroupId="g", **more)["MessageId"]

        first = put("same")
        attributes = {"a": {"DataType": "String", "StringValue": "not part of the content"}}
        self.assertEqual(put("same", MessageAttributes=attributes), first)
        self.assertNotEqual(put("other"), first)
        self.assertNotEqual(put("same", MessageDeduplicationId="given"), first)
        self.assertEqual(self.bodies(url, wait=5), ["same", "other", "same"])
        self.sqs.set_queue_attributes(QueueUrl=url,
                                      Attributes={"ContentBasedDeduplication": "false"})
        self.refused("InvalidParameterValue", self.sqs.send_message, QueueUrl=url,
                     MessageBody="same", MessageGroupId="g")

    def test_high_throughput_deduplicates_in_the_group(self):
        url = self.queue(fifo=True, DeduplicationScope="messageGroup",
                         FifoThroughputLimit="perMessageGroupId")
        first = self.put(url, "one", "a", MessageDeduplicationId="same")
        other = self.put(url, "two", "b", MessageDeduplicationId="same")
        again = self.put(url, "three", "a", MessageDeduplicationId="same")
        self.assertNotEqual(other["MessageId"], first["MessageId"])
        self.assertEqual(again["MessageId"], first["MessageId"])
        self.assertEqual(sorted(self.bodies(url, wait=5)), ["one", "two"])

    def test_the_same_attempt_gives_the_same_messages(self):
        url = self.queue(fifo=True)
        for body in ("1", "2", "3"):
            self.put(url, body)

        def attempt(name, wait=0):
            got = self.receive(url, wait=wait, MaxNumberOfMessages=2, ReceiveRequestAttemptId=name)
            return [one["MessageId"] for one in got]

        first = attempt("try-1", wait=5)
        self.assertEqual(len(first), 2)
        self.assertEqual(attempt("try-1"), first, "the reply was lost: the same again")
        self.assertEqual(attempt("try-2"), [], "the group is locked")

    def test_an_expired_handle_is_refused(self):
        url = self.queue(fifo=True)
        self.put(url, "x")
        expired = self.receive_one(url, VisibilityTimeout=1)
        fresh = self.receive_one(url)
        text = self.refused("InvalidParameterValue", self.sqs.delete_message, QueueUrl=url,
                            ReceiptHandle=expired["ReceiptHandle"])
        self.assertIn("expired", text)
        self.delete(url, fresh)

    def test_the_queues_delay_holds_for_every_message(self):
        url = self.queue(fifo=True, DelaySeconds=1)
        self.put(url, "late", DelaySeconds=0)
        self.assertEqual(self.bodies(url), [])
        self.assertEqual(self.attributes(url)["ApproximateNumberOfMessagesDelayed"], "1")
        self.assertEqual(self.bodies(url, wait=10), ["late"])
