"""Every action once with the AWS CLI, as a shell script would use it."""
import json
import os
import subprocess
import unittest
import uuid

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


def aws(action, *arguments, code=0, **options):
    """The reply as JSON (None: none was printed), or the error's text where `code` is not 0.
    Options are the CLI's own, with _ for -; what is no text becomes JSON."""
    command = [os.environ["TEST_AWS"], "--endpoint-url", ENDPOINT, "--output", "json", "sqs", action]
    command += arguments
    for name, value in options.items():
        command.append("--" + name.replace("_", "-"))
        command.append(value if isinstance(value, str) else json.dumps(value))
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError("%s ended with %d: %s" % (command[5:], done.returncode, done.stderr))
    if code:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def unique(suffix=""):
    return "cli-" + uuid.uuid4().hex[:16] + suffix


class Cli(unittest.TestCase):
    maxDiff = None

    def test_a_queues_life(self):
        name = unique()
        url = aws("create-queue", queue_name=name, attributes={"VisibilityTimeout": "31"},
                  tags={"team": "tests"})["QueueUrl"]
        self.assertEqual(aws("get-queue-url", queue_name=name), {"QueueUrl": url})
        self.assertEqual(aws("list-queues", queue_name_prefix=name), {"QueueUrls": [url]})
        aws("set-queue-attributes", queue_url=url, attributes={"DelaySeconds": "1"})
        got = aws("get-queue-attributes", queue_url=url, attribute_names="All")["Attributes"]
        self.assertEqual((got["VisibilityTimeout"], got["DelaySeconds"]), ("31", "1"))
        aws("tag-queue", queue_url=url, tags={"cost": "low"})
        aws("untag-queue", queue_url=url, tag_keys="team")
        self.assertEqual(aws("list-queue-tags", queue_url=url), {"Tags": {"cost": "low"}})
        aws("add-permission", queue_url=url, label="send", aws_account_ids="111111111111",
            actions="SendMessage")
        policy = aws("get-queue-attributes", queue_url=url,
                     attribute_names="Policy")["Attributes"]["Policy"]
        self.assertEqual(json.loads(policy)["Statement"][0]["Sid"], "send")
        aws("remove-permission", queue_url=url, label="send")
        aws("purge-queue", queue_url=url)
        aws("delete-queue", queue_url=url)
        error = aws("get-queue-url", queue_name=name, code=254)
        self.assertIn("AWS.SimpleQueueService.NonExistentQueue", error)

    def test_messages(self):
        url = aws("create-queue", queue_name=unique())["QueueUrl"]
        body = " \"ação\" <😀> &\n"
        sent = aws("send-message", queue_url=url, message_body=body, message_attributes={
            "kind": {"DataType": "String", "StringValue": "test"},
            "bytes": {"DataType": "Binary", "BinaryValue": "AAH/"}})
        message = aws("receive-message", queue_url=url, wait_time_seconds="10",
                      attribute_names="All", message_attribute_names="All")["Messages"][0]
        self.assertEqual((message["MessageId"], message["Body"]), (sent["MessageId"], body))
        self.assertEqual(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        self.assertEqual(message["MessageAttributes"]["bytes"]["BinaryValue"], "AAH/")
        handle = message["ReceiptHandle"]
        aws("change-message-visibility", queue_url=url, receipt_handle=handle,
            visibility_timeout="60")
        aws("delete-message", queue_url=url, receipt_handle=handle)

        sent = aws("send-message-batch", queue_url=url, entries=[
            {"Id": str(i), "MessageBody": "body %d" % i} for i in range(3)])
        self.assertEqual(sorted(one["Id"] for one in sent["Successful"]), ["0", "1", "2"])
        received = aws("receive-message", queue_url=url, wait_time_seconds="10",
                       max_number_of_messages="10")["Messages"]
        self.assertEqual(len(received), 3)
        entries = [{"Id": str(i), "ReceiptHandle": one["ReceiptHandle"]}
                   for i, one in enumerate(received)]
        changed = aws("change-message-visibility-batch", queue_url=url,
                      entries=[{**one, "VisibilityTimeout": 60} for one in entries])
        self.assertEqual(len(changed["Successful"]), 3)
        deleted = aws("delete-message-batch", queue_url=url, entries=entries)
        self.assertEqual(len(deleted["Successful"]), 3)
        self.assertIsNone(aws("receive-message", queue_url=url))
        error = aws("delete-message", queue_url=url, receipt_handle="none", code=254)
        self.assertIn("ReceiptHandleIsInvalid", error)

    def test_dead_letters_move_back(self):
        target = aws("create-queue", queue_name=unique(".fifo"),
                     attributes={"FifoQueue": "true"})["QueueUrl"]
        arn = aws("get-queue-attributes", queue_url=target,
                  attribute_names="QueueArn")["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        url = aws("create-queue", queue_name=unique(".fifo"), attributes={
            "FifoQueue": "true", "RedrivePolicy": policy, "VisibilityTimeout": "0",
            "ContentBasedDeduplication": "true"})["QueueUrl"]
        self.assertEqual(aws("list-dead-letter-source-queues", queue_url=target),
                         {"queueUrls": [url]})
        for body in ("1", "2"):
            sent = aws("send-message", queue_url=url, message_body=body, message_group_id="g")
            self.assertIn("SequenceNumber", sent)
        for body in ("1", "2"):
            message = aws("receive-message", queue_url=url, wait_time_seconds="10")["Messages"][0]
            self.assertEqual(message["Body"], body)
        self.assertIsNone(aws("receive-message", queue_url=url))
        task = aws("start-message-move-task", source_arn=arn, max_number_of_messages_per_second="1")
        handle = task["TaskHandle"]
        running = aws("list-message-move-tasks", source_arn=arn)["Results"][0]
        self.assertEqual(running["SourceArn"], arn)
        if running["Status"] == "RUNNING":  # Two messages, one a second: the CLI is slow itself.
            self.assertEqual(running["TaskHandle"], handle)
        back = aws("receive-message", queue_url=url, wait_time_seconds="10")["Messages"][0]
        self.assertEqual(back["Body"], "1")

    def test_a_move_task_is_cancelled(self):
        target = aws("create-queue", queue_name=unique())["QueueUrl"]
        arn = aws("get-queue-attributes", queue_url=target,
                  attribute_names="QueueArn")["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        url = aws("create-queue", queue_name=unique(),
                  attributes={"RedrivePolicy": policy})["QueueUrl"]
        aws("send-message-batch", queue_url=target, entries=[
            {"Id": str(i), "MessageBody": "x"} for i in range(10)])
        source_arn = arn.rsplit(":", 1)[0] + ":" + url.rsplit("/", 1)[1]
        handle = aws("start-message-move-task", source_arn=arn, destination_arn=source_arn,
                     max_number_of_messages_per_second="1")["TaskHandle"]
        moved = aws("cancel-message-move-task", task_handle=handle)
        self.assertIn(moved["ApproximateNumberOfMessagesMoved"], range(0, 10))
