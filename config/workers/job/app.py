# Jobs: a batch waits for a ticket before it works. Without one it reports all of its jobs as failed.
import http.client
import json
import os
import urllib.parse

QUEUE = os.environ["AWS_ENDPOINT_URL"] + "/000000000000/tickets"
sqs = http.client.HTTPConnection(urllib.parse.urlsplit(QUEUE).netloc)


def call(action, **members):
    sqs.request("POST", "/", json.dumps({"QueueUrl": QUEUE, **members}),
                {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + action})
    response = sqs.getresponse()
    text = response.read()
    if response.status != 200:
        raise RuntimeError("%s answered %d" % (action, response.status))
    return json.loads(text or b"{}")


def handler(event, context):
    tickets = call("ReceiveMessage", WaitTimeSeconds=2).get("Messages", [])
    if not tickets:
        print("no ticket for", len(event["Records"]), "jobs")
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}
    call("DeleteMessage", ReceiptHandle=tickets[0]["ReceiptHandle"])
    print("ticket", tickets[0]["Body"], "for", [record["body"] for record in event["Records"]])
    return {"batchItemFailures": []}
