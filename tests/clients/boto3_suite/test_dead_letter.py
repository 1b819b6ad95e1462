"""Dead-letter queues and the tasks that move messages back."""
import json

from .support import SqsTest

INVALID = "InvalidParameterValue"


class DeadLetter(SqsTest):
    def give_up(self, source):
        """Receives the message once more than it may be."""
        message = self.receive_one(source, VisibilityTimeout=0)
        self.assertEqual(self.receive(source), [], "it should have moved")
        return message

    def moved(self, source_count=1, messages=2):
        """(dead-letter queue, its sources), with messages that gave up in each source."""
        target = self.queue()
        sources = [self.queue(RedrivePolicy=self.redrive(target), VisibilityTimeout=0)
                   for _ in range(source_count)]
        for number, source in enumerate(sources):
            for i in range(messages):
                self.send(source, "%d/%d" % (number, i))
                self.give_up(source)
        return target, sources

    def test_a_message_moves_with_all_it_has(self):
        target = self.queue()
        source = self.queue(RedrivePolicy=self.redrive(target))
        attributes = {"a": {"DataType": "String", "StringValue": "kept"}}
        sent = self.send(source, "gives up", MessageAttributes=attributes)
        before = self.give_up(source)
        after = self.receive_one(target)
        self.assertEqual((after["MessageId"], after["Body"]), (sent["MessageId"], "gives up"))
        self.assertEqual(after["MessageAttributes"], attributes)
        self.assertEqual(after["Attributes"]["DeadLetterQueueSourceArn"], self.arn(source))
        self.assertEqual(after["Attributes"]["SentTimestamp"], before["Attributes"]["SentTimestamp"])
        self.assertEqual(after["Attributes"]["ApproximateReceiveCount"], "2")
        counts = self.attributes(source)
        self.assertEqual(counts["ApproximateNumberOfMessages"], "0")

    def test_only_after_so_many_receives(self):
        target = self.queue()
        source = self.queue(RedrivePolicy=self.redrive(target, 3), VisibilityTimeout=0)
        self.send(source)
        counts = [self.receive_one(source)["Attributes"]["ApproximateReceiveCount"]
                  for _ in range(3)]
        self.assertEqual(counts, ["1", "2", "3"])
        self.assertEqual(self.receive(source), [])
        self.assertEqual(len(self.receive(target)), 1)

    def test_a_fifo_queues_dead_letters_keep_their_group(self):
        target = self.queue(fifo=True)
        source = self.queue(fifo=True, RedrivePolicy=self.redrive(target), VisibilityTimeout=0)
        for body in ("1", "2"):
            self.send(source, body, MessageGroupId="g", MessageDeduplicationId=body)
        self.receive_one(source)
        self.assertEqual(self.receive_one(source)["Body"], "2", "the first one has moved")
        after = self.receive_one(target)
        self.assertEqual((after["Body"], after["Attributes"]["MessageGroupId"]), ("1", "g"))
        self.assertEqual(after["Attributes"]["DeadLetterQueueSourceArn"], self.arn(source))

    def test_the_allow_policy(self):
        def policy(**members):
            self.sqs.set_queue_attributes(QueueUrl=target, Attributes={
                "RedriveAllowPolicy": json.dumps(members)})

        def attach(url):
            self.sqs.set_queue_attributes(QueueUrl=url,
                                          Attributes={"RedrivePolicy": self.redrive(target)})

        target, friend, stranger = self.queue(), self.queue(), self.queue()
        policy(redrivePermission="byQueue", sourceQueueArns=[self.arn(friend)])
        attach(friend)
        self.refused(INVALID, attach, url=stranger)
        self.assertEqual(json.loads(self.attributes(target)["RedriveAllowPolicy"])["redrivePermission"],
                         "byQueue")
        policy(redrivePermission="denyAll")
        self.refused(INVALID, attach, url=stranger)
        policy(redrivePermission="allowAll")
        attach(stranger)
        with self.subTest("malformed"):
            self.refused(INVALID, policy, redrivePermission="maybe")
        with self.subTest("too many"):
            arn = self.arn(friend)
            self.refused(INVALID, policy, redrivePermission="byQueue",
                         sourceQueueArns=["%s%d" % (arn, i) for i in range(11)])

    def tasks(self, arn, **more):
        return self.sqs.list_message_move_tasks(SourceArn=arn, **more).get("Results", [])

    def finished(self, arn, status="COMPLETED"):
        """The newest task, when it has this status."""
        idle = self.queue()
        for _ in range(20):
            task = self.tasks(arn)[0]
            if task["Status"] == status:
                return task
            self.receive(idle, wait=1)  # A second passes.
        self.fail("the task is not %s: %s" % (status, task))
        return None

    def test_messages_move_back_to_where_they_came_from(self):
        target, sources = self.moved(source_count=2)
        arn = self.arn(target)
        handle = self.sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
        self.assertTrue(handle)
        for number, source in enumerate(sources):
            bodies = [self.receive_one(source, VisibilityTimeout=60)["Body"] for _ in range(2)]
            self.assertEqual(sorted(bodies), ["%d/0" % number, "%d/1" % number])
        task = self.finished(arn)
        self.assertEqual((task["SourceArn"], task["ApproximateNumberOfMessagesMoved"],
                          task["ApproximateNumberOfMessagesToMove"]), (arn, 4, 4))
        self.assertNotIn("DestinationArn", task)
        self.assertNotIn("TaskHandle", task, "only a running task can be cancelled")
        self.assertGreater(task["StartedTimestamp"], 1_600_000_000_000)
        self.assertEqual(self.bodies(target), [])

    def test_messages_move_to_another_queue(self):
        target, _ = self.moved()
        other = self.queue()
        self.sqs.start_message_move_task(SourceArn=self.arn(target), DestinationArn=self.arn(other),
                                         MaxNumberOfMessagesPerSecond=500)
        bodies = [self.receive_one(other)["Body"] for _ in range(2)]
        self.assertEqual(sorted(bodies), ["0/0", "0/1"])
        task = self.finished(self.arn(target))
        self.assertEqual((task["DestinationArn"], task["MaxNumberOfMessagesPerSecond"]),
                         (self.arn(other), 500))

    def test_a_slow_task_is_cancelled(self):
        target, sources = self.moved(messages=4)
        arn = self.arn(target)
        handle = self.sqs.start_message_move_task(
            SourceArn=arn, DestinationArn=self.arn(sources[0]),
            MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
        running = self.tasks(arn)[0]
        self.assertEqual((running["Status"], running["TaskHandle"],
                          running["ApproximateNumberOfMessagesToMove"]), ("RUNNING", handle, 4))
        self.refused(INVALID, self.sqs.start_message_move_task, SourceArn=arn)
        self.receive_one(sources[0], VisibilityTimeout=60)
        moved = self.sqs.cancel_message_move_task(TaskHandle=handle)
        self.assertIn(moved["ApproximateNumberOfMessagesMoved"], range(1, 4))
        self.finished(arn, "CANCELLED")
        self.refused(INVALID, self.sqs.cancel_message_move_task, TaskHandle=handle)
        left = self.attributes(target)["ApproximateNumberOfMessages"]
        self.assertEqual(int(left), 4 - moved["ApproximateNumberOfMessagesMoved"])
        self.sqs.start_message_move_task(SourceArn=arn)
        self.finished(arn)
        self.assertEqual([one["Status"] for one in self.tasks(arn, MaxResults=10)],
                         ["COMPLETED", "CANCELLED"], "the newest comes first")
        self.assertEqual(len(self.tasks(arn)), 1, "one unless more are asked for")

    def test_tasks_that_cannot_be(self):
        target, sources = self.moved(messages=1)
        arn, source = self.arn(target), self.arn(sources[0])
        start, cancel = self.sqs.start_message_move_task, self.sqs.cancel_message_move_task
        missing = {"status": 404, "exception": "ResourceNotFoundException"}
        self.refused(INVALID, start, SourceArn=source)
        self.refused("ResourceNotFoundException", start, SourceArn=arn + "-none", **missing)
        self.refused("ResourceNotFoundException", start, SourceArn=arn,
                     DestinationArn=arn + "-none", **missing)
        self.refused("ResourceNotFoundException", self.sqs.list_message_move_tasks,
                     SourceArn=arn + "-none", **missing)
        for rate in (0, 501):
            self.refused(INVALID, start, SourceArn=arn, MaxNumberOfMessagesPerSecond=rate)
        self.refused(INVALID, cancel, TaskHandle="no handle")
        self.refused(INVALID, self.sqs.list_message_move_tasks, SourceArn=arn, MaxResults=11)
        self.assertEqual(self.tasks(arn), [])
        self.assertEqual(len(self.receive(target)), 1, "nothing has moved")
