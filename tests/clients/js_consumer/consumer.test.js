// sqs-producer and sqs-consumer end to end.
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Consumer } from "sqs-consumer";
import { Producer } from "sqs-producer";
import { arnOf, attributes, fifoQueue, queue, receiveOne, redrive, sqs } from "../js/support.js";

// A consumer that stops with the test, and that fails it on an error of the service.
function consume(t, queueUrl, options) {
  const consumer = Consumer.create({ queueUrl, sqs, waitTimeSeconds: 5, suppressFifoWarning: true,
    messageSystemAttributeNames: ["All"], messageAttributeNames: ["All"], ...options });
  const problem = new Promise((_, reject) => consumer.on("error", reject));
  problem.catch(() => {}); // Reported by whoever waits.
  t.after(() => consumer.stop({ abort: true }));
  return { consumer, problem };
}

// Runs the consumer until `count` messages were processed (deleted).
async function processed({ consumer, problem }, count) {
  let seen = 0;
  const all = new Promise((resolve) => consumer.on("message_processed", () => {
    if (++seen === count) resolve();
  }));
  consumer.start();
  await Promise.race([all, problem]);
  consumer.stop({ abort: true });
}

const empty = { ApproximateNumberOfMessages: "0", ApproximateNumberOfMessagesNotVisible: "0" };

test("a producer's messages reach a consumer and are deleted", async (t) => {
  const queueUrl = await queue(t);
  const producer = Producer.create({ queueUrl, sqs });
  const bodies = Array.from({ length: 25 }, (_, i) => `message-${i}`);
  const sent = await producer.send(bodies); // In three batches.
  assert.equal(sent.length, 25);
  assert.equal(await producer.queueSize(), 25);
  const received = [];
  await processed(consume(t, queueUrl, {
    batchSize: 10, handleMessage: async (message) => void received.push(message.Body) }), 25);
  assert.deepEqual(received.sort(), bodies.sort());
  assert.deepEqual(await attributes(queueUrl, ...Object.keys(empty)), empty);
});

test("attributes and delays of a producer's messages", async (t) => {
  const queueUrl = await queue(t);
  const messageAttributes = {
    text: { DataType: "String", StringValue: "ação <&>" },
    bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) },
  };
  const start = Date.now();
  await Producer.create({ queueUrl, sqs }).send({
    id: "one", body: "{\"a\": 1}", delaySeconds: 1, messageAttributes });
  let got;
  await processed(consume(t, queueUrl, { handleMessage: async (message) => void (got = message) }), 1);
  assert.ok(Date.now() - start > 900, "it came before its delay");
  assert.equal(got.Body, "{\"a\": 1}");
  assert.deepEqual(got.MessageAttributes.text, messageAttributes.text);
  assert.deepEqual([...got.MessageAttributes.bytes.BinaryValue], [0, 255]);
});

test("a batch handler acknowledges a part", async (t) => {
  const queueUrl = await queue(t);
  await Producer.create({ queueUrl, sqs }).send(["good", "bad", "fine"]);
  const one = consume(t, queueUrl, { batchSize: 10, visibilityTimeout: 60,
    handleMessageBatch: async (messages) => messages.filter(({ Body }) => Body !== "bad") });
  await processed(one, 2);
  assert.deepEqual(await attributes(queueUrl, ...Object.keys(empty)),
    { ...empty, ApproximateNumberOfMessagesNotVisible: "1" });
});

test("a failing handler gives the message back, until it is a dead letter", async (t) => {
  const target = await queue(t);
  const queueUrl = await queue(t, { RedrivePolicy: await redrive(target, 3) });
  await Producer.create({ queueUrl, sqs }).send("poison");
  const counts = [];
  const { consumer, problem } = consume(t, queueUrl, {
    terminateVisibilityTimeout: true, // At once.
    handleMessage: async (message) => {
      counts.push(message.Attributes.ApproximateReceiveCount);
      throw new Error("cannot digest this");
    },
  });
  consumer.start();
  const dead = await Promise.race([receiveOne(target), problem]);
  consumer.stop({ abort: true });
  assert.deepEqual(counts, ["1", "2", "3"]);
  assert.equal(dead.Body, "poison");
  assert.equal(dead.Attributes.DeadLetterQueueSourceArn, await arnOf(queueUrl));
});

test("heartbeats keep a message hidden while it is worked on", async (t) => {
  const queueUrl = await queue(t);
  await Producer.create({ queueUrl, sqs }).send("slow");
  let runs = 0;
  const worker = consume(t, queueUrl, {
    visibilityTimeout: 2, heartbeatInterval: 1,
    handleMessage: async () => {
      runs += 1;
      await sqs.receiveMessage({ QueueUrl: queueUrl, WaitTimeSeconds: 3 }).then(
        ({ Messages }) => assert.equal(Messages, undefined, "another consumer got it"));
    },
  });
  const failed = once(worker.consumer, "processing_error").then(([error]) => { throw error; });
  await Promise.race([processed(worker, 1), failed]);
  assert.equal(runs, 1);
  assert.deepEqual(await attributes(queueUrl, ...Object.keys(empty)), empty);
});

test("a FIFO queue's groups keep their order", async (t) => {
  const queueUrl = await fifoQueue(t);
  const messages = [];
  for (let i = 0; i < 20; i++) {
    messages.push({ id: `${i}`, body: `${i}`, groupId: i % 2 ? "odd" : "even", deduplicationId: `d${i}` });
  }
  const producer = Producer.create({ queueUrl, sqs });
  await producer.send(messages);
  await producer.send(messages); // Deduplicated.
  const seen = { odd: [], even: [] };
  await processed(consume(t, queueUrl, {
    batchSize: 10,
    handleMessageBatch: async (batch) => {
      for (const { Body, Attributes } of batch) seen[Attributes.MessageGroupId].push(Number(Body));
    },
  }), 20);
  const even = Array.from({ length: 10 }, (_, i) => 2 * i);
  assert.deepEqual(seen, { even, odd: even.map((i) => i + 1) });
  assert.deepEqual(await attributes(queueUrl, ...Object.keys(empty)), empty);
});

test("a consumer of a queue that is not there says so", async (t) => {
  const queueUrl = await queue(t);
  await sqs.deleteQueue({ QueueUrl: queueUrl });
  const { consumer, problem } = consume(t, queueUrl, { handleMessage: async () => {} });
  consumer.start();
  const error = await problem.then(() => undefined, (e) => e);
  consumer.stop({ abort: true });
  assert.equal(error.name, "SQSError");
  assert.match(error.message, /does not exist/);
});
