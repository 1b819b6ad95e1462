// AWS's own runtime client for Node, which a function brings along.
import assert from "node:assert/strict";
import test from "node:test";
import { invoke, lambda } from "../js_lambda/support.js";
import { make, ricClient, ricZip } from "./support.js";

async function works(name, client) {
  const first = await invoke(name, { n: 1 }, { LogType: "Tail" });
  assert.equal(first.error, undefined);
  assert.ok(client(first.body.client), first.body.client);
  assert.deepEqual([first.body.n, first.body.name, first.body.left], [1, name, true]);
  assert.match(first.log, new RegExp(`START RequestId: ${first.body.id}[^]*seen 1[^]*REPORT`));
  const second = await invoke(name, { n: 2, size: 5 << 20 });
  assert.equal(second.body.text.length, 5 << 20);
  const failed = await invoke(name, { do: "fail" });
  assert.deepEqual([failed.error, failed.body.errorType, failed.body.errorMessage],
    ["Unhandled", "TypeError", "no such order"]);
  assert.ok(Array.isArray(failed.body.trace));
  assert.equal((await invoke(name, { do: "exit" })).body.errorType, "Runtime.ExitError");
  assert.equal((await invoke(name, { n: 3 })).body.n, 3);
  assert.equal((await invoke(name, { do: "hang" })).body.errorType, "Sandbox.Timedout");
  const large = await invoke(name, { n: 4, size: 7 << 20 });
  assert.equal(large.body.errorType, "Function.ResponseSizeTooLarge");
  assert.equal((await invoke(name, { n: 5 })).body.n, 5);
}

test("AWS's client: of the config", () => works("ric", (path) => path === ricClient));

test("AWS's client: made by a client", async (t) => works(
  await make(t, ricZip(), "index.handler", { Timeout: 2 }),
  (path) => path.endsWith("/node_modules/aws-lambda-ric/bin/index.mjs") && path !== ricClient));

test("AWS's client: a response stream", async (t) => {
  const FunctionName = await make(t, ricZip(), "index.stream");
  const { EventStream } = await lambda.invokeWithResponseStream({ FunctionName, Payload: "{}" });
  let text = "";
  for await (const { PayloadChunk } of EventStream) {
    if (PayloadChunk) text += Buffer.from(PayloadChunk.Payload);
  }
  assert.equal(text, "first second");
});
