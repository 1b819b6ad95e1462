// Every action once as it is meant to be used.
import assert from "node:assert/strict";
import test from "node:test";
import {
  paginateListDeadLetterSourceQueues, paginateListQueues,
} from "@aws-sdk/client-sqs";
import {
  account, arnOf, attributes, attributesMd5, bodies, endpoint, fifoQueue, md5, patience, queue,
  receive, receiveOne, redrive, remove, send, sqs, unique,
} from "./support.js";

test("a queue is created once and found by its name", async (t) => {
  const QueueUrl = await queue(t, { VisibilityTimeout: "7" });
  const QueueName = QueueUrl.split("/").at(-1);
  assert.equal(QueueUrl, `${endpoint}/${account}/${QueueName}`);
  assert.equal((await sqs.createQueue({ QueueName })).QueueUrl, QueueUrl);
  assert.equal((await sqs.getQueueUrl({ QueueName })).QueueUrl, QueueUrl);
});

test("queue attributes are read, set and removed", async (t) => {
  const url = await queue(t);
  const { CreatedTimestamp, LastModifiedTimestamp, QueueArn, ...others } = await attributes(url);
  assert.ok(Math.abs(Date.now() / 1000 - Number(CreatedTimestamp)) < 60);
  assert.ok(Number(LastModifiedTimestamp) >= Number(CreatedTimestamp));
  assert.equal(QueueArn, `arn:aws:sqs:us-east-1:${account}:${url.split("/").at(-1)}`);
  const standard = {
    VisibilityTimeout: "30", MaximumMessageSize: "1048576", MessageRetentionPeriod: "345600",
    DelaySeconds: "0", ReceiveMessageWaitTimeSeconds: "0", ApproximateNumberOfMessages: "0",
    ApproximateNumberOfMessagesNotVisible: "0", ApproximateNumberOfMessagesDelayed: "0",
    SqsManagedSseEnabled: "true",
  };
  assert.deepEqual(others, standard);
  const fifo = await attributes(await fifoQueue(t));
  assert.deepEqual([fifo.FifoQueue, fifo.ContentBasedDeduplication, fifo.DeduplicationScope,
    fifo.FifoThroughputLimit], ["true", "false", "queue", "perQueue"]);
  const RedrivePolicy = await redrive(await queue(t), 3);
  await sqs.setQueueAttributes({ QueueUrl: url, Attributes: { VisibilityTimeout: "69", RedrivePolicy } });
  assert.deepEqual(await attributes(url, "VisibilityTimeout"), { VisibilityTimeout: "69" });
  assert.deepEqual(JSON.parse((await attributes(url)).RedrivePolicy), JSON.parse(RedrivePolicy));
  await sqs.setQueueAttributes({ QueueUrl: url, Attributes: { RedrivePolicy: "" } });
  assert.equal((await attributes(url)).RedrivePolicy, undefined);
});

test("lists come in pages", async (t) => {
  const target = await queue(t);
  const policy = await redrive(target);
  const prefix = unique("-");
  const urls = [];
  for (let i = 0; i < 5; i++) {
    const made = await sqs.createQueue({ QueueName: prefix + i, Attributes: { RedrivePolicy: policy } });
    urls.push(made.QueueUrl);
    t.after(() => sqs.deleteQueue({ QueueUrl: made.QueueUrl }));
  }
  const collect = async (pages, member) => {
    const found = [], sizes = [];
    for await (const page of pages) {
      found.push(...page[member]);
      sizes.push(page[member].length);
    }
    return { found: found.sort(), sizes };
  };
  const expected = { found: urls.sort(), sizes: [2, 2, 1] };
  const paging = { client: sqs, pageSize: 2 };
  assert.deepEqual(
    await collect(paginateListQueues(paging, { QueueNamePrefix: prefix }), "QueueUrls"), expected);
  assert.deepEqual(
    await collect(paginateListDeadLetterSourceQueues(paging, { QueueUrl: target }), "queueUrls"),
    expected);
  assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: prefix })).QueueUrls.sort(), urls);
  assert.equal((await sqs.listQueues({ QueueNamePrefix: prefix + "none" })).QueueUrls, undefined);
});

test("tags", async (t) => {
  const QueueUrl = await queue(t, {}, { tags: { team: "queues", empty: "" } });
  await sqs.tagQueue({ QueueUrl, Tags: { team: "postal", cost: "ção & <1>" } });
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags,
    { team: "postal", empty: "", cost: "ção & <1>" });
  await sqs.untagQueue({ QueueUrl, TagKeys: ["team", "empty", "cost", "unknown"] });
  assert.equal((await sqs.listQueueTags({ QueueUrl })).Tags, undefined);
});

test("permissions become the policy", async (t) => {
  const QueueUrl = await queue(t);
  const common = { QueueUrl, AWSAccountIds: ["111111111111", "222222222222"] };
  await sqs.addPermission({ ...common, Label: "one", Actions: ["SendMessage"] });
  await sqs.addPermission({ ...common, Label: "two", Actions: ["*"] });
  const policy = JSON.parse((await attributes(QueueUrl)).Policy);
  assert.deepEqual(policy.Statement.map((one) => one.Sid), ["one", "two"]);
  assert.deepEqual(policy.Statement[0].Principal.AWS.sort(),
    ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]);
  await sqs.removePermission({ QueueUrl, Label: "one" });
  await sqs.removePermission({ QueueUrl, Label: "two" });
  assert.equal((await attributes(QueueUrl)).Policy, undefined);
});

test("a message is sent, received, hidden, shown again and deleted", async (t) => {
  const url = await queue(t, { VisibilityTimeout: "1" });
  const sent = await send(url, "a body", {
    MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: "Root=1-2" } } });
  assert.equal(sent.MD5OfMessageBody, md5("a body"));
  assert.ok(sent.MD5OfMessageSystemAttributes);
  const first = await receiveOne(url);
  assert.deepEqual([first.MessageId, first.Body], [sent.MessageId, "a body"]);
  assert.deepEqual(Object.keys(first.Attributes).sort(), ["AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"]);
  assert.deepEqual(await receive(url), []);
  const again = await receiveOne(url);
  assert.equal(again.Attributes.ApproximateReceiveCount, "2");
  const hide = (VisibilityTimeout) => sqs.changeMessageVisibility({
    QueueUrl: url, ReceiptHandle: again.ReceiptHandle, VisibilityTimeout });
  await hide(60);
  assert.deepEqual(await receive(url, 2), []);
  await hide(0);
  await remove(url, await receiveOne(url));
  assert.equal((await attributes(url)).ApproximateNumberOfMessagesNotVisible, "0");
});

test("batches, some entries of which fail", async (t) => {
  const QueueUrl = await queue(t);
  const sent = await sqs.sendMessageBatch({ QueueUrl, Entries: [
    { Id: "late", MessageBody: "x", DelaySeconds: 901 },
    ...Array.from({ length: 9 }, (_, i) => ({ Id: `${i}`, MessageBody: `body ${i}` }))] });
  assert.equal(sent.Successful.length, 9);
  assert.deepEqual(sent.Failed.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault]),
    [["late", "InvalidParameterValue", true]]);
  const messages = [];
  while (messages.length < 9) {
    const some = await receive(QueueUrl, 5);
    assert.notEqual(some.length, 0, `only ${messages.length} of 9 came`);
    messages.push(...some);
  }
  const entries = [{ Id: "bad", ReceiptHandle: "no handle" },
    ...messages.map(({ ReceiptHandle }, i) => ({ Id: `${i}`, ReceiptHandle }))];
  const changed = await sqs.changeMessageVisibilityBatch({
    QueueUrl, Entries: entries.map((one) => ({ ...one, VisibilityTimeout: 60 })) });
  const deleted = await sqs.deleteMessageBatch({ QueueUrl, Entries: entries });
  for (const { Successful, Failed } of [changed, deleted]) {
    assert.equal(Successful.length, 9);
    assert.deepEqual(Failed.map(({ Id, Code }) => [Id, Code]), [["bad", "ReceiptHandleIsInvalid"]]);
  }
  assert.equal((await attributes(QueueUrl)).ApproximateNumberOfMessagesNotVisible, "0");
});

test("only the attributes that were asked for", async (t) => {
  const url = await queue(t, { VisibilityTimeout: "0" });
  const text = (StringValue) => ({ DataType: "String", StringValue });
  await send(url, "x", { MessageAttributes: { Hello: text("1"), "Help.Me": text("2"), Other: text("3") } });
  const names = async (system, user) => {
    const got = await receiveOne(url, { MessageSystemAttributeNames: system, MessageAttributeNames: user });
    assert.equal(got.MD5OfMessageAttributes,
      got.MessageAttributes && attributesMd5(got.MessageAttributes));
    return [got.Attributes, got.MessageAttributes].map((all) => Object.keys(all ?? {}).sort());
  };
  assert.deepEqual(await names([], []), [[], []]);
  assert.deepEqual(await names(["SenderId"], ["Hel.*"]), [["SenderId"], ["Hello", "Help.Me"]]);
  const old = await receiveOne(url, { MessageSystemAttributeNames: [], AttributeNames: ["SenderId"] });
  assert.deepEqual(Object.keys(old.Attributes), ["SenderId"]);
});

test("purge and delete", async (t) => {
  const QueueUrl = await queue(t);
  await send(QueueUrl);
  await sqs.purgeQueue({ QueueUrl });
  assert.deepEqual(await bodies(QueueUrl), []);
  await sqs.deleteQueue({ QueueUrl });
  await assert.rejects(sqs.getQueueAttributes({ QueueUrl }), { name: "QueueDoesNotExist" });
});

// A dead-letter queue that holds so many messages of a source.
async function gaveUp(t, count) {
  const target = await queue(t);
  const source = await queue(t, { VisibilityTimeout: "0", RedrivePolicy: await redrive(target) });
  for (let i = 0; i < count; i++) {
    await send(source, `${i}`);
    await receiveOne(source);
    assert.deepEqual(await receive(source), [], "it should have moved");
  }
  return { target, source };
}

test("dead letters, and back", async (t) => {
  const { target, source } = await gaveUp(t, 2);
  const seen = await receive(target, patience, { VisibilityTimeout: 0 });
  assert.deepEqual(seen.map((one) => one.Attributes.DeadLetterQueueSourceArn),
    Array(2).fill(await arnOf(source)));
  const SourceArn = await arnOf(target);
  assert.ok((await sqs.startMessageMoveTask({ SourceArn })).TaskHandle);
  const back = [await receiveOne(source, { VisibilityTimeout: 60 }),
    await receiveOne(source, { VisibilityTimeout: 60 })];
  assert.deepEqual(back.map((one) => one.Body).sort(), ["0", "1"]);
  let task;
  for (let i = 0; i < 10; i++) {
    [task] = (await sqs.listMessageMoveTasks({ SourceArn })).Results;
    if (task.Status !== "RUNNING") break;
    await receive(target, 1); // A second passes.
  }
  const { StartedTimestamp, ...rest } = task;
  assert.ok(StartedTimestamp > 1.6e12);
  assert.deepEqual(rest, { Status: "COMPLETED", SourceArn, ApproximateNumberOfMessagesMoved: 2,
    ApproximateNumberOfMessagesToMove: 2 });
});

test("a move task is cancelled", async (t) => {
  const { target, source } = await gaveUp(t, 3);
  const SourceArn = await arnOf(target);
  const { TaskHandle } = await sqs.startMessageMoveTask({
    SourceArn, DestinationArn: await arnOf(source), MaxNumberOfMessagesPerSecond: 1 });
  const [running] = (await sqs.listMessageMoveTasks({ SourceArn })).Results;
  assert.deepEqual([running.Status, running.TaskHandle], ["RUNNING", TaskHandle]);
  const { ApproximateNumberOfMessagesMoved: moved } = await sqs.cancelMessageMoveTask({ TaskHandle });
  assert.ok(moved >= 0 && moved < 3, `${moved} were moved`);
  assert.equal(Number((await attributes(target)).ApproximateNumberOfMessages), 3 - moved);
});
