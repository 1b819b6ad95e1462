// The service as a server: waiting, addresses, signatures.
import assert from "node:assert/strict";
import test from "node:test";
import {
  account, bodies, client, endpoint, patience, queue, raw, receive, refused, send, sqs, unique,
} from "./support.js";

const verifying = process.env.TEST_VERIFYING_ENDPOINT;
const { port } = new URL(endpoint);

test("a long poll wakes on a send from another client", async (t) => {
  const url = await queue(t);
  const other = client();
  const start = performance.now();
  const poll = other.receiveMessage({ QueueUrl: url, WaitTimeSeconds: 20 });
  await receive(await queue(t), 1); // The poll waits meanwhile.
  await send(url, "wake up");
  assert.deepEqual((await poll).Messages.map((one) => one.Body), ["wake up"]);
  assert.ok(performance.now() - start < 10_000, "it did not wake");
});

test("a hundred long polls get a message each", async (t) => {
  const QueueUrl = await queue(t);
  const other = client({ requestHandler: { httpAgent: { maxSockets: 200 } } });
  const polls = Array.from({ length: 100 }, () =>
    other.receiveMessage({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 1 }));
  for (let batch = 0; batch < 10; batch++) {
    await sqs.sendMessageBatch({ QueueUrl, Entries: Array.from({ length: 10 }, (_, i) => ({
      Id: `${i}`, MessageBody: `${batch * 10 + i}` })) });
  }
  const got = (await Promise.all(polls)).map((reply) => Number(reply.Messages[0].Body));
  assert.deepEqual(got.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
});

test("a delayed message wakes a long poll in time", async (t) => {
  const url = await queue(t);
  await send(url, "later", { DelaySeconds: 1 });
  assert.deepEqual(await bodies(url), []);
  assert.deepEqual(await bodies(url, patience), ["later"]);
});

test("an abandoned long poll takes no message", async (t) => {
  const QueueUrl = await queue(t);
  const stop = new AbortController();
  const poll = client().receiveMessage({ QueueUrl, WaitTimeSeconds: 20 }, { abortSignal: stop.signal });
  const ended = assert.rejects(poll, { name: "AbortError" });
  await receive(await queue(t), 1); // The poll waits meanwhile.
  stop.abort();
  await ended;
  await receive(await queue(t), 1);
  await send(QueueUrl, "for those who wait");
  assert.deepEqual(await bodies(QueueUrl, patience), ["for those who wait"]);
});

test("the URL follows the name the client used", async (t) => {
  const url = await queue(t);
  const QueueName = url.split("/").at(-1);
  const byName = client({ endpoint: `http://localhost:${port}` });
  const named = (await byName.getQueueUrl({ QueueName })).QueueUrl;
  assert.equal(named, `http://localhost:${port}/${account}/${QueueName}`);
  await byName.sendMessage({ QueueUrl: url, MessageBody: "across" });
  await sqs.sendMessage({ QueueUrl: named, MessageBody: "and back" });
  assert.deepEqual((await bodies(named, patience)).sort(), ["across", "and back"]);
});

test("signatures are verified where the config says so", async () => {
  const honest = client({ endpoint: verifying });
  const { QueueUrl } = await honest.createQueue({ QueueName: unique() });
  for (const MessageBody of ["ação <&> +%20/~*", "x".repeat(1 << 20)]) {
    await honest.sendMessage({ QueueUrl, MessageBody });
    const [message] = (await honest.receiveMessage({ QueueUrl, WaitTimeSeconds: patience })).Messages;
    assert.ok(message.Body === MessageBody);
    await honest.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle });
  }
  const { AWS_ACCESS_KEY_ID: accessKeyId } = process.env;
  const impostor = (credentials) => client({ endpoint: verifying, credentials }).listQueues({});
  for (const credentials of [{ accessKeyId, secretAccessKey: "wrong" },
    { accessKeyId: "AKIDUNKNOWN", secretAccessKey: "any" }]) {
    const error = await impostor(credentials).then(() => assert.fail("not refused"), (e) => e);
    assert.equal(error.$metadata?.httpStatusCode, 403, String(error));
  }
  assert.equal((await raw("ListQueues", {}, { endpoint: verifying })).status, 403);
  assert.equal((await raw("ListQueues", {})).status, 200);
});

test("more in flight than the queue may have", async () => {
  const { QueueUrl } = await sqs.getQueueUrl({ QueueName: "narrow" });
  for (const body of ["1", "2", "3"]) await send(QueueUrl, body);
  const taken = await receive(QueueUrl, patience);
  assert.equal(taken.length, 2);
  await refused(sqs.receiveMessage({ QueueUrl }), "OverLimit", "OverLimit", 403);
  for (const { ReceiptHandle } of taken) await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
  assert.deepEqual(await bodies(QueueUrl, patience), ["3"]);
});
