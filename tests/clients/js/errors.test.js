// What the service refuses: the class, the Query protocol's code, the status.
import assert from "node:assert/strict";
import test from "node:test";
import {
  arnOf, attributes, bodies, endpoint, fifoQueue, invalid, mebibyte, queue, raw, receiveOne, redrive,
  refused, send, sqs, unique,
} from "./support.js";

const prefix = "AWS.SimpleQueueService.";
const text = { DataType: "String", StringValue: "x" };

test("an unknown queue, in every action", async (t) => {
  const QueueUrl = `${endpoint}/000000000000/${unique()}`;
  const handle = { QueueUrl, ReceiptHandle: "h" };
  const entry = { Id: "1", ReceiptHandle: "h" };
  const calls = {
    getQueueUrl: { QueueName: unique() },
    getQueueAttributes: { QueueUrl, AttributeNames: ["All"] },
    setQueueAttributes: { QueueUrl, Attributes: { DelaySeconds: "1" } },
    sendMessage: { QueueUrl, MessageBody: "x" },
    sendMessageBatch: { QueueUrl, Entries: [{ Id: "1", MessageBody: "x" }] },
    receiveMessage: { QueueUrl },
    deleteMessage: handle,
    deleteMessageBatch: { QueueUrl, Entries: [entry] },
    changeMessageVisibility: { ...handle, VisibilityTimeout: 1 },
    changeMessageVisibilityBatch: { QueueUrl, Entries: [{ ...entry, VisibilityTimeout: 1 }] },
    purgeQueue: { QueueUrl },
    deleteQueue: { QueueUrl },
    tagQueue: { QueueUrl, Tags: { a: "b" } },
    untagQueue: { QueueUrl, TagKeys: ["a"] },
    listQueueTags: { QueueUrl },
    listDeadLetterSourceQueues: { QueueUrl },
    addPermission: { QueueUrl, Label: "l", AWSAccountIds: ["111111111111"], Actions: ["*"] },
    removePermission: { QueueUrl, Label: "l" },
  };
  for (const [action, input] of Object.entries(calls)) {
    await t.test(action, () =>
      refused(sqs[action](input), "QueueDoesNotExist", prefix + "NonExistentQueue"));
  }
});

test("queues that cannot be", async (t) => {
  const QueueUrl = await queue(t, { DelaySeconds: "5" });
  const QueueName = QueueUrl.split("/").at(-1);
  await refused(sqs.createQueue({ QueueName, Attributes: { DelaySeconds: "6" } }),
    "QueueNameExists", "QueueAlreadyExists");
  await sqs.deleteQueue({ QueueUrl });
  await refused(sqs.createQueue({ QueueName }), "QueueDeletedRecently", prefix + "QueueDeletedRecently");
  await invalid(sqs.createQueue({ QueueName: "a b" }));
  await refused(sqs.createQueue({ QueueName: unique(), Attributes: { Colour: "red" } }),
    "InvalidAttributeName", "InvalidAttributeName");
  const other = await queue(t);
  const set = (Attributes) => sqs.setQueueAttributes({ QueueUrl: other, Attributes });
  await refused(set({ Colour: "red" }), "InvalidAttributeName", "InvalidAttributeName");
  await refused(set({ VisibilityTimeout: "43201" }), "InvalidAttributeValue", "InvalidAttributeValue");
  await refused(set({ DelaySeconds: "x" }), "InvalidAttributeValue", "InvalidAttributeValue");
  await invalid(set({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "dummy", maxReceiveCount: 1 }) }));
  await sqs.purgeQueue({ QueueUrl: other });
  await refused(sqs.purgeQueue({ QueueUrl: other }), "PurgeQueueInProgress",
    prefix + "PurgeQueueInProgress", 403);
  await invalid(sqs.removePermission({ QueueUrl: other, Label: "none" }));
});

test("the redrive allow policy", async (t) => {
  const target = await queue(t, { RedriveAllowPolicy: JSON.stringify({ redrivePermission: "denyAll" }) });
  const source = await queue(t);
  await invalid(sqs.setQueueAttributes({
    QueueUrl: source, Attributes: { RedrivePolicy: await redrive(target) } }));
  assert.equal((await attributes(source)).RedrivePolicy, undefined);
});

test("receipt handles", async (t) => {
  const QueueUrl = await queue(t);
  const unknown = { QueueUrl, ReceiptHandle: "not a handle" };
  await refused(sqs.deleteMessage(unknown), "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404);
  await refused(sqs.changeMessageVisibility({ ...unknown, VisibilityTimeout: 1 }),
    "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404);
  await send(QueueUrl);
  const { ReceiptHandle } = await receiveOne(QueueUrl);
  const hide = (VisibilityTimeout) =>
    sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout });
  await invalid(hide(43201));
  await hide(0);
  await refused(hide(5), "MessageNotInflight", prefix + "MessageNotInflight");
});

test("messages that cannot be", async (t) => {
  const QueueUrl = await queue(t);
  const fifo = await fifoQueue(t);
  for (const body of ["a\u0001", "\u0000", "\ufffe", "\uffff"]) {
    await refused(send(QueueUrl, body), "InvalidMessageContents", "InvalidMessageContents");
  }
  await refused(send(QueueUrl, ""), "MissingParameter", "MissingParameter");
  await invalid(send(QueueUrl, "x", { DelaySeconds: 901 }));
  await invalid(send(QueueUrl, "x", { MessageDeduplicationId: "id" }));
  await invalid(send(QueueUrl, "x", { MessageGroupId: "with space" }));
  await invalid(send(fifo, "x", { MessageGroupId: "g" }));
  await invalid(send(fifo, "x", { MessageGroupId: "g", MessageDeduplicationId: "i", DelaySeconds: 1 }));
  await refused(send(fifo, "x", { MessageDeduplicationId: "id" }),
    "MissingParameter", "MissingParameter");
  const eleven = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}`, text]));
  for (const MessageAttributes of [
    eleven, { a: { DataType: "Colour", StringValue: "x" } }, { a: { DataType: "String" } },
    { a: { DataType: "String", StringValue: "" } }, { a: { DataType: "Number", StringValue: "x" } },
    { "AWS.a": text }, { "a..b": text }]) {
    await invalid(send(QueueUrl, "x", { MessageAttributes }));
  }
  assert.deepEqual(await bodies(QueueUrl), [], "something was stored");
});

test("parameters out of range", async (t) => {
  const QueueUrl = await queue(t);
  for (const input of [{ MaxNumberOfMessages: 0 }, { MaxNumberOfMessages: 11 }, { WaitTimeSeconds: 21 },
    { VisibilityTimeout: 43201 }]) {
    await invalid(sqs.receiveMessage({ QueueUrl, ...input }));
  }
});

test("batches as a whole", async (t) => {
  const QueueUrl = await queue(t);
  const send10 = (ids) => sqs.sendMessageBatch({
    QueueUrl, Entries: ids.map((Id) => ({ Id, MessageBody: "x" })) });
  const remove = (ids) => sqs.deleteMessageBatch({
    QueueUrl, Entries: ids.map((Id) => ({ Id, ReceiptHandle: "h" })) });
  const hide = (ids) => sqs.changeMessageVisibilityBatch({
    QueueUrl, Entries: ids.map((Id) => ({ Id, ReceiptHandle: "h", VisibilityTimeout: 1 })) });
  for (const call of [send10, remove, hide]) {
    await refused(call([]), "EmptyBatchRequest", prefix + "EmptyBatchRequest");
    await refused(call(Array.from({ length: 11 }, (_, i) => `${i}`)),
      "TooManyEntriesInBatchRequest", prefix + "TooManyEntriesInBatchRequest");
    await refused(call(["a", "a"]), "BatchEntryIdsNotDistinct", prefix + "BatchEntryIdsNotDistinct");
    await refused(call(["a:b"]), "InvalidBatchEntryId", prefix + "InvalidBatchEntryId");
    await refused(call(["x".repeat(81)]), "InvalidBatchEntryId", prefix + "InvalidBatchEntryId");
  }
  const halves = [mebibyte / 2, mebibyte / 2 + 1].map((size, i) => ({
    Id: `${i}`, MessageBody: "b".repeat(size) }));
  await refused(sqs.sendMessageBatch({ QueueUrl, Entries: halves }),
    "BatchRequestTooLong", prefix + "BatchRequestTooLong");
  await invalid(send(QueueUrl, "b".repeat(mebibyte + 1)));
  assert.deepEqual(await bodies(QueueUrl), [], "something was stored");
});

test("move tasks that cannot be", async (t) => {
  const target = await queue(t);
  const source = await queue(t, { RedrivePolicy: await redrive(target) });
  const SourceArn = await arnOf(target);
  const missing = (promise) =>
    refused(promise, "ResourceNotFoundException", "ResourceNotFoundException", 404);
  await invalid(sqs.startMessageMoveTask({ SourceArn: await arnOf(source) }));
  await missing(sqs.startMessageMoveTask({ SourceArn: SourceArn + "-none" }));
  await missing(sqs.startMessageMoveTask({ SourceArn, DestinationArn: SourceArn + "-none" }));
  await invalid(sqs.cancelMessageMoveTask({ TaskHandle: "no handle" }));
});

test("what no SDK lets through", async (t) => {
  const QueueUrl = await queue(t);
  const unknown = await raw("Dance", {});
  assert.ok(unknown.status >= 400 && unknown.status < 500, unknown.text);
  assert.match(unknown.json.__type, /UnknownOperationException$/);
  const cases = {
    "no queue": ["SendMessage", { MessageBody: "x" }],
    "no body": ["SendMessage", { QueueUrl }],
    "no name": ["CreateQueue", {}],
    "a number for text": ["SendMessage", { QueueUrl, MessageBody: 7 }],
    "text for a number": ["SendMessage", { QueueUrl, MessageBody: "x", DelaySeconds: "soon" }],
    "a list for a map": ["CreateQueue", { QueueName: unique(), Attributes: ["x"] }],
    "a map for a list": ["SendMessageBatch", { QueueUrl, Entries: { Id: "1" } }],
    "bytes that are no base64": ["SendMessage", { QueueUrl, MessageBody: "x", MessageAttributes: {
      a: { DataType: "Binary", BinaryValue: "*" } } }],
    "no object": ["ListQueues", []],
    "half a document": ["ListQueues", Buffer.from('{"QueueNamePrefix":')],
    "bad UTF-8": ["SendMessage", Buffer.concat([
      Buffer.from(`{"QueueUrl":"${QueueUrl}","MessageBody":"`), Buffer.from([0xff, 0xfe, 0x22, 0x7d])])],
    "half a surrogate pair": ["SendMessage",
      Buffer.from(`{"QueueUrl":"${QueueUrl}","MessageBody":"\\ud83d"}`)],
  };
  for (const [name, [action, body]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const reply = await raw(action, body);
      assert.equal(reply.status, 400, reply.text);
      assert.match(reply.headers.get("content-type"), /^application\/x-amz-json-1\.0/);
      assert.ok(reply.headers.get("x-amzn-requestid"));
      assert.match(reply.json.__type, /#?\w+$/);
    });
  }
  assert.deepEqual(await bodies(QueueUrl), [], "something was stored");
});

test("the header that older programs branch on", async () => {
  const reply = await raw("GetQueueUrl", { QueueName: unique() });
  assert.equal(reply.status, 400);
  assert.equal(reply.headers.get("x-amzn-query-error"), prefix + "NonExistentQueue;Sender");
  assert.equal(reply.json.__type, "com.amazonaws.sqs#QueueDoesNotExist");
  assert.equal(reply.json.message, "The specified queue does not exist.");
});
