"""Every action once as it is meant to be used."""
import json
import re
import time

from .support import ACCOUNT, SqsTest, attributes_md5

STANDARD_ATTRIBUTES = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_ATTRIBUTES = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Queues(SqsTest):
    def test_create_is_idempotent_and_the_url_says_account_and_name(self):
        name = self.name()
        url = self.queue(name, VisibilityTimeout=7)
        self.assertTrue(url.endswith("/%s/%s" % (ACCOUNT, name)), url)
        self.assertEqual(self.queue(name, VisibilityTimeout=7), url)
        self.assertEqual(self.queue(name), url, "no attributes: any queue of the name will do")
        self.assertEqual(self.sqs.get_queue_url(QueueName=name)["QueueUrl"], url)
        self.assertEqual(
            self.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=ACCOUNT)["QueueUrl"], url)

    def test_all_attributes_of_a_standard_queue(self):
        before = int(time.time())
        name = self.name()
        attributes = self.attributes(self.queue(name))
        for timestamp in ("CreatedTimestamp", "LastModifiedTimestamp"):
            seconds = int(attributes.pop(timestamp))
            self.assertTrue(before - 1 <= seconds <= time.time() + 1, "%s: %d" % (timestamp, seconds))
        arn = "arn:aws:sqs:us-east-1:%s:%s" % (ACCOUNT, name)
        self.assertEqual(attributes, {**STANDARD_ATTRIBUTES, "QueueArn": arn})

    def test_all_attributes_of_a_fifo_queue(self):
        attributes = self.attributes(self.queue(fifo=True))
        for varying in ("CreatedTimestamp", "LastModifiedTimestamp", "QueueArn"):
            attributes.pop(varying)
        self.assertEqual(attributes, {**STANDARD_ATTRIBUTES, **FIFO_ATTRIBUTES})

    def test_set_attributes_and_read_some(self):
        url = self.queue()
        changed = {"VisibilityTimeout": "69", "DelaySeconds": "420", "MaximumMessageSize": "2048",
                   "MessageRetentionPeriod": "86400", "ReceiveMessageWaitTimeSeconds": "20"}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
        self.assertEqual(self.attributes(url, *changed), changed)
        self.assertEqual(self.attributes(url, "DelaySeconds"), {"DelaySeconds": "420"})
        self.assertNotIn("RedrivePolicy", self.attributes(url))
        self.assertEqual(self.sqs.get_queue_attributes(QueueUrl=url).get("Attributes", {}), {},
                         "without names there are no attributes")

    def test_policies_come_back_and_an_empty_one_removes_them(self):
        target = self.queue()
        url = self.queue(RedrivePolicy=self.redrive(target, 3))
        self.assertEqual(json.loads(self.attributes(url)["RedrivePolicy"]),
                         {"deadLetterTargetArn": self.arn(target), "maxReceiveCount": 3})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
        self.assertNotIn("RedrivePolicy", self.attributes(url))
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": self.arn(url)}]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self.assertEqual(json.loads(self.attributes(url)["Policy"]), json.loads(policy))
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        self.assertNotIn("Policy", self.attributes(url))

    def test_list_queues_by_prefix_and_page(self):
        prefix = self.name("-")
        urls = sorted(self.queue(prefix + str(i)) for i in range(5))
        self.assertEqual(sorted(self.sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]), urls)
        self.assertNotIn("QueueUrls", self.sqs.list_queues(QueueNamePrefix=prefix + "none"))
        first = self.sqs.list_queues(QueueNamePrefix=prefix, MaxResults=2)
        self.assertEqual(len(first["QueueUrls"]), 2)
        paged, sizes = [], []
        pages = self.sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
        for page in pages:
            paged += page["QueueUrls"]
            sizes.append(len(page["QueueUrls"]))
        self.assertEqual((sorted(paged), sizes), (urls, [2, 2, 1]))
        everything = self.sqs.list_queues()
        self.assertTrue(set(urls) <= set(everything["QueueUrls"]))
        self.assertNotIn("NextToken", everything, "without MaxResults there is no next page")

    def test_tags(self):
        url = self.queue(tags={"team": "queues", "empty": ""})
        self.sqs.tag_queue(QueueUrl=url, Tags={"team": "postal", "cost": "ção & <1>"})
        self.assertEqual(self.sqs.list_queue_tags(QueueUrl=url)["Tags"],
                         {"team": "postal", "empty": "", "cost": "ção & <1>"})
        self.sqs.untag_queue(QueueUrl=url, TagKeys=["team", "empty", "unknown"])
        self.assertEqual(self.sqs.list_queue_tags(QueueUrl=url)["Tags"], {"cost": "ção & <1>"})
        self.sqs.untag_queue(QueueUrl=url, TagKeys=["cost"])
        self.assertNotIn("Tags", self.sqs.list_queue_tags(QueueUrl=url))

    def test_permissions_become_the_policy(self):
        url = self.queue()
        arn = self.arn(url)
        self.sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["111111111111"],
                                Actions=["ReceiveMessage"])
        self.sqs.add_permission(QueueUrl=url, Label="two", Actions=["SendMessage", "DeleteMessage"],
                                AWSAccountIds=["111111111111", "222222222222"])
        policy = json.loads(self.attributes(url, "Policy")["Policy"])
        self.assertEqual(policy["Version"], "2008-10-17")
        self.assertEqual([one["Sid"] for one in policy["Statement"]], ["one", "two"])
        self.assertEqual(policy["Statement"][0], {
            "Sid": "one", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "SQS:ReceiveMessage", "Resource": arn})
        self.assertEqual(sorted(policy["Statement"][1]["Action"]),
                         ["SQS:DeleteMessage", "SQS:SendMessage"])
        self.sqs.remove_permission(QueueUrl=url, Label="one")
        policy = json.loads(self.attributes(url, "Policy")["Policy"])
        self.assertEqual([one["Sid"] for one in policy["Statement"]], ["two"])
        self.sqs.remove_permission(QueueUrl=url, Label="two")
        self.assertNotIn("Policy", self.attributes(url))

    def test_purge_empties_and_delete_removes(self):
        url = self.queue()
        for _ in range(3):
            self.send(url)
        self.receive(url, MaxNumberOfMessages=1)
        self.sqs.purge_queue(QueueUrl=url)
        counts = self.attributes(url, "ApproximateNumberOfMessages",
                                 "ApproximateNumberOfMessagesNotVisible")
        self.assertEqual(set(counts.values()), {"0"}, str(counts))
        self.assertEqual(self.bodies(url), [])
        self.sqs.delete_queue(QueueUrl=url)
        self.refused("AWS.SimpleQueueService.NonExistentQueue", self.sqs.get_queue_attributes,
                     exception="QueueDoesNotExist", QueueUrl=url)

    def test_list_dead_letter_source_queues_by_page(self):
        target = self.queue()
        sources = sorted(self.queue(RedrivePolicy=self.redrive(target)) for _ in range(5))
        whole = self.sqs.list_dead_letter_source_queues(QueueUrl=target)
        self.assertEqual(sorted(whole["queueUrls"]), sources)
        paged, sizes = [], []
        pages = self.sqs.get_paginator("list_dead_letter_source_queues").paginate(
            QueueUrl=target, PaginationConfig={"PageSize": 2})
        for page in pages:
            paged += page["queueUrls"]
            sizes.append(len(page["queueUrls"]))
        self.assertEqual((sorted(paged), sizes), (sources, [2, 2, 1]))
        none = self.sqs.list_dead_letter_source_queues(QueueUrl=sources[0])
        self.assertEqual(none.get("queueUrls", []), [])


class Messages(SqsTest):
    def test_send_receive_delete(self):
        url = self.queue()
        before = int(time.time() * 1000)
        sent = self.send(url, "a body")
        self.assertRegex(sent["MessageId"], UUID)
        self.assertNotIn("SequenceNumber", sent)
        self.assertNotIn("MD5OfMessageAttributes", sent)
        message = self.receive_one(url)
        self.assertEqual((message["MessageId"], message["Body"]), (sent["MessageId"], "a body"))
        self.assertEqual(message["MD5OfBody"], sent["MD5OfMessageBody"])
        system = message["Attributes"]
        self.assertEqual(set(system), {"SenderId", "SentTimestamp", "ApproximateReceiveCount",
                                       "ApproximateFirstReceiveTimestamp"})
        self.assertEqual(system["ApproximateReceiveCount"], "1")
        now = int(time.time() * 1000)
        self.assertTrue(before - 1 <= int(system["SentTimestamp"])
                        <= int(system["ApproximateFirstReceiveTimestamp"]) <= now + 1, str(system))
        self.assertEqual(self.bodies(url), [], "it is hidden")
        self.delete(url, message)
        self.delete(url, message)  # Once more is no error.
        self.assertEqual(self.attributes(url, "ApproximateNumberOfMessagesNotVisible"),
                         {"ApproximateNumberOfMessagesNotVisible": "0"})

    def test_batches(self):
        url = self.queue()
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": "e-%d_%s" % (i, "x" * 70), "MessageBody": "body %d" % i, "DelaySeconds": 0}
            for i in range(10)])
        self.assertEqual(len(sent["Successful"]), 10)
        self.assertNotIn("Failed", sent)
        ids = {one["MessageId"]: one["Id"] for one in sent["Successful"]}
        messages = []
        while len(messages) < 10:
            some = self.receive(url, wait=5)
            self.assertTrue(some, "only %d of 10 came" % len(messages))
            messages += some
        self.assertEqual({one["MessageId"] for one in messages}, set(ids))
        changed = self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 60}
            for i, one in enumerate(messages)])
        self.assertEqual(sorted(one["Id"] for one in changed["Successful"]),
                         [str(i) for i in range(10)])
        deleted = self.sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "ReceiptHandle": one["ReceiptHandle"]} for i, one in enumerate(messages)])
        self.assertEqual(len(deleted["Successful"]), 10)
        counts = self.attributes(url)
        self.assertEqual(counts["ApproximateNumberOfMessagesNotVisible"], "0")

    def test_a_batch_fails_entry_by_entry(self):
        url = self.queue()
        self.send(url)
        message = self.receive_one(url)
        deleted = self.sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": "good", "ReceiptHandle": message["ReceiptHandle"]},
            {"Id": "bad", "ReceiptHandle": "no handle"}])
        self.assertEqual([one["Id"] for one in deleted["Successful"]], ["good"])
        failed = deleted["Failed"]
        self.assertEqual([(one["Id"], one["Code"], one["SenderFault"]) for one in failed],
                         [("bad", "ReceiptHandleIsInvalid", True)])
        self.assertTrue(failed[0]["Message"])
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": "good", "MessageBody": "kept"},
            {"Id": "late", "MessageBody": "refused", "DelaySeconds": 901}])
        self.assertEqual([one["Id"] for one in sent["Successful"]], ["good"])
        self.assertEqual([(one["Id"], one["Code"]) for one in sent["Failed"]],
                         [("late", "InvalidParameterValue")])
        self.assertEqual(self.bodies(url, wait=5), ["kept"])

    def test_visibility_is_changed_to_now_and_to_later(self):
        url = self.queue(VisibilityTimeout=1)
        self.send(url)
        first = self.receive_one(url)
        change = self.sqs.change_message_visibility
        change(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
        again = self.receive_one(url, VisibilityTimeout=1)
        self.assertEqual(again["Attributes"]["ApproximateReceiveCount"], "2")
        self.assertEqual(again["Attributes"]["ApproximateFirstReceiveTimestamp"],
                         first["Attributes"]["ApproximateFirstReceiveTimestamp"])
        self.assertNotEqual(again["ReceiptHandle"], first["ReceiptHandle"])
        change(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=30)
        self.assertEqual(self.receive(url, wait=2), [], "it was hidden for longer than its queue says")
        self.delete(url, again)

    def test_what_is_not_deleted_comes_again(self):
        url = self.queue(VisibilityTimeout=1)
        self.send(url)
        first = self.receive_one(url)
        start = time.monotonic()
        again = self.receive_one(url)
        self.assertGreater(time.monotonic() - start, 0.5, "it came before its time-out")
        self.assertEqual(again["MessageId"], first["MessageId"])

    def test_the_trace_header_travels(self):
        url = self.queue()
        header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        sent = self.send(url, MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": header}})
        self.assertEqual(sent["MD5OfMessageSystemAttributes"], attributes_md5(
            {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}))
        self.assertEqual(self.receive_one(url)["Attributes"]["AWSTraceHeader"], header)

    def test_only_the_attributes_that_were_asked_for(self):
        url = self.queue(VisibilityTimeout=0)
        self.send(url, MessageAttributes={
            name: {"DataType": "String", "StringValue": name} for name in ("Hello", "Help.Me", "Other")})

        def names(system, user):
            message = self.receive_one(url, AttributeNames=system, MessageAttributeNames=user)
            attributes = message.get("MessageAttributes", {})
            self.assertEqual(message.get("MD5OfMessageAttributes"),
                             attributes_md5(attributes) if attributes else None)
            return sorted(message.get("Attributes", {})), sorted(attributes)

        self.assertEqual(names([], []), ([], []))
        self.assertEqual(names(["SenderId"], ["Hello", "Unknown"]), (["SenderId"], ["Hello"]))
        self.assertEqual(names([], ["All"])[1], ["Hello", "Help.Me", "Other"])
        self.assertEqual(names([], [".*"])[1], ["Hello", "Help.Me", "Other"])
        self.assertEqual(names([], ["Hel.*"])[1], ["Hello", "Help.Me"])
        self.assertEqual(names([], ["Unknown"])[1], [])

    def test_a_group_on_a_standard_queue_orders_nothing(self):
        url = self.queue()
        for body in ("1", "2"):
            self.send(url, body, MessageGroupId="tenant")
        self.assertEqual(self.receive_one(url)["Attributes"]["MessageGroupId"], "tenant")
        self.assertEqual(len(self.bodies(url, wait=5)), 1, "the group is not locked")
