// Functions written with libraries that people use on Lambda, unchanged: as the config has them,
// and made by a client.
import assert from "node:assert/strict";
import test from "node:test";
import { bodies, invoke, lambda, queue, sqs, unique } from "../js_lambda/support.js";
import { functionZip, make } from "./support.js";

// The test runs for the function of the config, then for one that a client makes.
function both(what, file, packages, handlers, run) {
  test(what + ": of the config", (t) => run(t, ...handlers.map(() => file)));
  test(what + ": made by a client", async (t) => {
    const code = functionZip(file + ".mjs", ...packages);
    const names = [];
    for (const handler of handlers) names.push(await make(t, code, `${file}.${handler}`));
    return run(t, ...names);
  });
}

both("middlewares of middy", "orders", ["@middy/core"], ["handler"], async (t, name) => {
  const good = await invoke(name, { body: '{"order":7}' });
  assert.deepEqual(good.body, { statusCode: 201, headers: { "x-handled-by": "middy" },
    body: JSON.stringify({ order: 7, by: name }) });
  const refused = await invoke(name, { body: { do: "refuse" } });
  assert.deepEqual(refused.body, { statusCode: 404, body: "no such order" });
  assert.equal(refused.error, undefined);
  const failed = await invoke(name, { body: { do: "fail" } });
  assert.deepEqual([failed.error, failed.body.errorType, failed.body.errorMessage],
    ["Unhandled", "RangeError", "not today"]);
  // It gives up 0.2 s before its time-out, of which it knows from the context.
  const hung = await invoke(name, { body: { do: "hang" } });
  assert.deepEqual([hung.error, hung.body.errorType], ["Unhandled", "TimeoutError"]);
});

test("middy behind a route of the gateway", async () => {
  const send = async (body) => {
    const reply = await fetch(process.env.TEST_GATEWAY + "/orders", { method: "POST",
      headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return [reply.status, reply.headers.get("x-handled-by"), await reply.text()];
  };
  assert.deepEqual(await send({ order: 7 }), [201, "middy", '{"order":7,"by":"orders"}']);
  assert.deepEqual(await send({ do: "refuse" }), [404, null, "no such order"]);
  assert.equal((await send({ do: "fail" }))[0], 500);
});

test("a response stream of middy", async (t) => {
  const FunctionName = await make(t, functionZip("orders.mjs", "@middy/core"), "orders.stream");
  const { EventStream } = await lambda.invokeWithResponseStream(
    { FunctionName, Payload: JSON.stringify({ times: 20000 }) });
  let text = "", end;
  for await (const { PayloadChunk, InvokeComplete } of EventStream) {
    if (PayloadChunk) text += Buffer.from(PayloadChunk.Payload);
    end = InvokeComplete ?? end;
  }
  assert.equal(text, "order ".repeat(20000));
  assert.equal(end.ErrorCode, undefined);
});

const batchPackages = ["@aws-lambda-powertools/batch", "@aws-sdk/client-sqs"];

// Six orders, of which two fail once and one always.
async function sendOrders(QueueUrl, group) {
  const fails = [0, 1, 0, 0, 9, 1];
  const Entries = fails.map((count, order) => ({ Id: String(order),
    MessageBody: JSON.stringify({ order, fails: count }),
    ...group && { MessageGroupId: group(order), MessageDeduplicationId: String(order) } }));
  const { Successful } = await sqs.sendMessageBatch({ QueueUrl, Entries });
  assert.equal(Successful.length, fails.length);
  return Successful.map(({ MessageId }) => MessageId);
}

const receivesOf = (told) => Object.fromEntries(told.map(({ order, receives }) => [order, receives]));

async function fromTheConfig() {
  const urlOf = async (QueueName) => (await sqs.getQueueUrl({ QueueName })).QueueUrl;
  const ids = await sendOrders(await urlOf("batches"));
  const told = (await bodies(await urlOf("batches-done"), 5)).map((body) => JSON.parse(body));
  assert.deepEqual(receivesOf(told), { 0: 1, 1: 2, 2: 1, 3: 1, 5: 2 });
  for (const { order, messageId } of told) assert.equal(messageId, ids[order]);
  assert.deepEqual(await bodies(await urlOf("batches-dlq"), 1), ['{"order":4,"fails":9}']);
}

// {told, dead}: what so many done and dead messages say.
async function fromAClient(t, handler, { end = "", type = {}, group, done, dead }) {
  const deadLetters = await queue(t, { QueueName: unique() + end, Attributes: type });
  const from = await queue(t, { QueueName: unique() + end, Attributes: { ...type,
    VisibilityTimeout: "4", RedrivePolicy: JSON.stringify(
      { deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 2 }) } });
  const TOLD = unique();
  const to = await queue(t, { QueueName: TOLD });
  const FunctionName = await make(t, functionZip("batches.mjs", ...batchPackages), handler,
    { Environment: { Variables: { TOLD } } });
  await sendOrders(from.QueueUrl, group);
  const { UUID } = await lambda.createEventSourceMapping({ FunctionName, EventSourceArn: from.arn,
    BatchSize: 10, FunctionResponseTypes: ["ReportBatchItemFailures"] });
  t.after(() => lambda.deleteEventSourceMapping({ UUID }));
  return { told: (await bodies(to.QueueUrl, done)).map((body) => JSON.parse(body)),
    dead: await bodies(deadLetters.QueueUrl, dead) };
}

async function standard(t) {
  const { told, dead } = await fromAClient(t, "batches.handler", { done: 5, dead: 1 });
  assert.deepEqual(receivesOf(told), { 0: 1, 1: 2, 2: 1, 3: 1, 5: 2 });
  assert.deepEqual(dead, ['{"order":4,"fails":9}']);
}

// In a group none is tried before those in front of it are done: 5 shares the fate of 4.
async function fifo(t) {
  const { told, dead } = await fromAClient(t, "batches.fifo", { end: ".fifo",
    type: { FifoQueue: "true" }, group: (order) => (order < 4 ? "early" : "late"), done: 4, dead: 2 });
  assert.deepEqual(told.map(({ order, receives }) => [order, receives]),
    [[0, 1], [1, 2], [2, 2], [3, 2]]);
  assert.deepEqual(dead, ['{"order":4,"fails":9}', '{"order":5,"fails":1}']);
}

// What fails comes again after four seconds, of all of them at the same time.
test("partial failures of a batch", { concurrency: true }, (t) => Promise.all([
  t.test("of the config", fromTheConfig),
  t.test("made by a client, from a standard queue", standard),
  t.test("made by a client, from a FIFO queue", fifo),
]));

both("idempotency", "payments", ["@aws-lambda-powertools/idempotency"], ["handler"],
  async (t, name) => {
    const first = await invoke(name, { payment: "p-1" });
    assert.deepEqual([first.body.charged, first.body.payment], [1, "p-1"]);
    assert.deepEqual((await invoke(name, { payment: "p-1", note: "again" })).body, first.body);
    assert.equal((await invoke(name, { payment: "p-2" })).body.charged, 2);
    const keyless = await invoke(name, {});
    assert.deepEqual([keyless.error, keyless.body.errorType],
      ["Unhandled", "IdempotencyPersistenceLayerError"]);
    const failed = await invoke(name, { payment: "p-3", fail: true });
    assert.equal(failed.body.errorMessage, "the bank refuses");
    assert.equal((await invoke(name, { payment: "p-3" })).body.charged, 3);
  });
