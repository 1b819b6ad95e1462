// Functions that run: their answers, errors, logs, versions, events and sources.
import assert from "node:assert/strict";
import test from "node:test";
import { bodies, code, create, invoke, lambda, queue, sqs, zip } from "./support.js";

test("an answer, with the log's tail", async (t) => {
  const name = await create(t, code(`export const handler = async (event, context) => {
    console.log("seen", event.n);
    return { twice: event.n * 2, name: context.functionName, id: context.awsRequestId,
      stage: process.env.STAGE ?? null };
  };`));
  await lambda.updateFunctionConfiguration(
    { FunctionName: name, Environment: { Variables: { STAGE: "two" } } });
  const reply = await invoke(name, { n: 21 }, { LogType: "Tail" });
  assert.equal(reply.error, undefined);
  assert.deepEqual([reply.body.twice, reply.body.name, reply.body.stage], [42, name, "two"]);
  assert.match(reply.log, /seen 21/);
  assert.equal(reply.version, "$LATEST");
});

test("errors of functions", async (t) => {
  const name = await create(t, { Timeout: 1, ...code(`export const handler = async (event) => {
    if (event.how === "throw") throw new TypeError("no such order");
    if (event.how === "exit") process.exit(3);
    await new Promise((resolve) => setTimeout(resolve, 60000));
  };`) });
  const thrown = await invoke(name, { how: "throw" });
  assert.equal(thrown.status, 200);
  assert.equal(thrown.error, "Unhandled");
  assert.equal(thrown.body.errorType, "TypeError");
  assert.equal(thrown.body.errorMessage, "no such order");
  assert.ok(Array.isArray(thrown.body.trace));
  const ended = await invoke(name, { how: "exit" });
  assert.equal(ended.body.errorType, "Runtime.ExitError");
  const late = await invoke(name, { how: "hang" });
  assert.match(late.body.errorMessage, /Task timed out after 1\.00 seconds/);
  assert.equal(late.body.errorType, "Sandbox.Timedout");
});

test("Python and a program of one's own run, too", async (t) => {
  const python = await create(t, { Runtime: "python3.12", Handler: "app.handler", Code: {
    ZipFile: zip({ "app.py": "def handler(event, context):\n    return {'sum': sum(event)}\n" }) } });
  assert.deepEqual((await invoke(python, [1, 2, 3])).body, { sum: 6 });
  const shell = await create(t, { Runtime: "provided.al2023", Handler: "any", Code: {
    ZipFile: zip({ bootstrap: `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\\r' |
    sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -o /dev/null -d '{"from":"shell"}' "$api/$id/response"
done
` }) } });
  assert.deepEqual((await invoke(shell, {})).body, { from: "shell" });
});

test("new code is used by the next invocation, and a version keeps its own", async (t) => {
  const answer = (text) => zip({ "index.mjs": `export const handler = async () => "${text}";` });
  const FunctionName = await create(t, { Code: { ZipFile: answer("old") }, Publish: true });
  assert.equal((await invoke(FunctionName, {})).body, "old");
  await lambda.updateFunctionCode({ FunctionName, ZipFile: answer("new") });
  assert.equal((await invoke(FunctionName, {})).body, "new");
  const one = await invoke(FunctionName, {}, { Qualifier: "1" });
  assert.deepEqual([one.body, one.version], ["old", "1"]);
});

test("a response stream", async (t) => {
  const FunctionName = await create(t);
  const { EventStream } = await lambda.invokeWithResponseStream(
    { FunctionName, Payload: JSON.stringify({ text: "x".repeat(100_000) }), LogType: "Tail" });
  const chunks = [];
  let end;
  for await (const event of EventStream) {
    if (event.PayloadChunk) chunks.push(Buffer.from(event.PayloadChunk.Payload));
    if (event.InvokeComplete) end = event.InvokeComplete;
  }
  assert.equal(JSON.parse(Buffer.concat(chunks)).text.length, 100_000);
  assert.equal(end.ErrorCode, undefined);
});

test("an asynchronous invocation, and where it is told of", async (t) => {
  const FunctionName = await create(t, code(`export const handler = async (event) => {
    if (event.fail) throw new Error("refused");
    return "done";
  };`));
  const good = await queue(t), bad = await queue(t);
  await lambda.putFunctionEventInvokeConfig({ FunctionName, MaximumRetryAttempts: 0,
    DestinationConfig: { OnSuccess: { Destination: good.arn }, OnFailure: { Destination: bad.arn } } });
  const send = (event) => lambda.invoke(
    { FunctionName, InvocationType: "Event", Payload: JSON.stringify(event) });
  assert.equal((await send({})).StatusCode, 202);
  const [success] = (await bodies(good.QueueUrl, 1)).map((body) => JSON.parse(body));
  assert.deepEqual([success.requestContext.condition, success.responsePayload],
    ["Success", "done"]);
  await send({ fail: true });
  const [failure] = (await bodies(bad.QueueUrl, 1)).map((body) => JSON.parse(body));
  assert.equal(failure.requestContext.condition, "RetriesExhausted");
  assert.equal(failure.responsePayload.errorMessage, "refused");
  const dry = await lambda.invoke({ FunctionName, InvocationType: "DryRun" });
  assert.equal(dry.StatusCode, 204);
});

test("an event source mapping feeds a function from a queue", async (t) => {
  const from = await queue(t), to = await queue(t);
  const FunctionName = await create(t, { Environment: { Variables: { TARGET: to.QueueUrl } },
    ...code(`import http from "node:http";
  const post = (body) => new Promise((resolve, reject) => http.request(process.env.AWS_ENDPOINT_URL,
    { method: "POST", headers: { "X-Amz-Target": "AmazonSQS.SendMessage",
      "Content-Type": "application/x-amz-json-1.0" } },
    (reply) => reply.resume().on("end", resolve)).on("error", reject).end(JSON.stringify(body)));
  export const handler = async (event) => {
    for (const { body, eventSource } of event.Records) {
      await post({ QueueUrl: process.env.TARGET, MessageBody: eventSource + " " + body });
    }
  };`) });
  const made = await lambda.createEventSourceMapping(
    { FunctionName, EventSourceArn: from.arn, BatchSize: 5,
      FilterCriteria: { Filters: [{ Pattern: JSON.stringify({ body: { kind: ["wanted"] } }) }] } });
  const UUID = made.UUID;
  await sqs.sendMessage({ QueueUrl: from.QueueUrl, MessageBody: '{"kind":"other"}' });
  await sqs.sendMessage({ QueueUrl: from.QueueUrl, MessageBody: '{"kind":"wanted","n":1}' });
  assert.deepEqual(await bodies(to.QueueUrl, 1), ['aws:sqs {"kind":"wanted","n":1}']);
  assert.equal((await lambda.getEventSourceMapping({ UUID })).State, "Enabled");
  assert.equal((await lambda.updateEventSourceMapping({ UUID, Enabled: false })).State, "Disabled");
  const { EventSourceMappings } = await lambda.listEventSourceMappings({ FunctionName });
  assert.equal(EventSourceMappings.length, 1);
  assert.equal((await lambda.deleteEventSourceMapping({ UUID })).State, "Deleting");
});
