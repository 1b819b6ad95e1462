// FIFO queues: order, locked groups, deduplication.
import assert from "node:assert/strict";
import test from "node:test";
import {
  attributes, bodies, fifoQueue, patience, receive, receiveOne, redrive, remove, send, sqs, unique,
} from "./support.js";

const put = (url, body, group = "g", id = unique()) =>
  send(url, body, { MessageGroupId: group, MessageDeduplicationId: id });

test("a batch keeps its order across groups, and each group its own", async (t) => {
  const QueueUrl = await fifoQueue(t);
  const groups = [..."abcabcaabb"];
  const sent = await sqs.sendMessageBatch({ QueueUrl, Entries: groups.map((MessageGroupId, i) => ({
    Id: `${i}`, MessageBody: `${i}`, MessageGroupId, MessageDeduplicationId: `${i}` })) });
  const numbers = sent.Successful.sort((a, b) => a.Id - b.Id).map((one) => BigInt(one.SequenceNumber));
  assert.ok(numbers.every((number, i) => i === 0 || number > numbers[i - 1]), "numbers have to grow");
  const received = await receive(QueueUrl, patience);
  assert.deepEqual(received.map((one) => one.Body), groups.map((_, i) => `${i}`));
  assert.deepEqual(received.map((one) => BigInt(one.Attributes.SequenceNumber)), numbers);
  assert.deepEqual(received.map((one) => one.Attributes.MessageGroupId), groups);
});

test("a group is locked while one of it is in flight", async (t) => {
  const url = await fifoQueue(t);
  for (const [body, group] of [["a1", "a"], ["a2", "a"], ["b1", "b"]]) await put(url, body, group);
  const first = await receiveOne(url);
  assert.equal(first.Body, "a1");
  assert.deepEqual(await bodies(url), ["b1"]);
  const poll = bodies(url, patience);
  await remove(url, first);
  assert.deepEqual(await poll, ["a2"], "the poll that waits gets what is free now");
});

test("deduplication by id, also after the delete, and in all groups", async (t) => {
  const url = await fifoQueue(t);
  const first = await put(url, "one", "g", "same");
  const again = await put(url, "two", "h", "same");
  assert.deepEqual([again.MessageId, again.SequenceNumber], [first.MessageId, first.SequenceNumber]);
  await remove(url, await receiveOne(url));
  await put(url, "three", "g", "same");
  assert.deepEqual(await bodies(url), []);
});

test("deduplication by content", async (t) => {
  const url = await fifoQueue(t, { ContentBasedDeduplication: "true" });
  for (const body of ["same", "same", "other"]) await send(url, body, { MessageGroupId: "g" });
  assert.deepEqual(await bodies(url, patience), ["same", "other"]);
});

test("high throughput deduplicates in the group", async (t) => {
  const url = await fifoQueue(t, {
    DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" });
  for (const group of ["a", "b", "a"]) await put(url, group, group, "same");
  assert.deepEqual((await bodies(url, patience)).sort(), ["a", "b"]);
});

test("the same attempt gives the same messages", async (t) => {
  const url = await fifoQueue(t);
  await put(url, "1");
  await put(url, "2");
  const attempt = async (ReceiveRequestAttemptId) =>
    (await receive(url, 0, { MaxNumberOfMessages: 1, ReceiveRequestAttemptId })).map((one) => one.MessageId);
  const first = await attempt("try-1");
  assert.equal(first.length, 1);
  assert.deepEqual(await attempt("try-1"), first);
  assert.deepEqual(await attempt("try-2"), []);
});

test("dead letters of a FIFO queue make room for the next of their group", async (t) => {
  const target = await fifoQueue(t);
  const url = await fifoQueue(t, { VisibilityTimeout: "0", RedrivePolicy: await redrive(target) });
  await put(url, "1");
  await put(url, "2");
  assert.equal((await receiveOne(url)).Body, "1");
  assert.equal((await receiveOne(url)).Body, "2");
  const dead = await receiveOne(target);
  assert.deepEqual([dead.Body, dead.Attributes.MessageGroupId], ["1", "g"]);
  assert.equal((await attributes(target)).ApproximateNumberOfMessagesNotVisible, "1");
});
