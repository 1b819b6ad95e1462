// Functions that misbehave: whoever invokes them hears of it as AWS tells it, the next invocation is
// served, and nothing that they started is left.
import assert from "node:assert/strict";
import test from "node:test";
import { bodies, code, create, invoke, lambda, queue, sqs, zip } from "../js_lambda/support.js";

const text = `import { spawn } from "node:child_process";
import net from "node:net";
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const connect = () => new Promise((resolve) => {
  const socket = net.connect(Number(port), host, () => resolve(socket));
  socket.on("error", () => resolve(null));
});
const base = "/2018-06-01/runtime/invocation/";
const deeds = {
  good: () => "good",
  hang: () => wait(60000),
  exit: () => process.exit(0),
  signal: () => process.kill(process.pid, "SIGSEGV"),
  later: () => { setTimeout(() => { throw new Error("too late"); }, 0); return wait(60000); },
  reject: () => { Promise.reject(new RangeError("unseen")); return wait(60000); },
  large: () => "x".repeat(7 << 20),
  cycle: () => { const one = {}; one.one = one; return one; },
  number: () => 10n,
  nothing: () => undefined,
  flood: () => {
    for (let i = 0; i < 50000; i += 1) console.log("line", i);
    return "flooded";
  },
  line: async () => {
    for (let i = 0; i < 64; i += 1) {
      await new Promise((resolve) => process.stderr.write("x".repeat(1 << 20), resolve));
    }
    return "written";
  },
  deaf: () => process.on("SIGTERM", () => {}) && "deaf",
  fork: () => new Promise((resolve) => {
    const shell = spawn("sh", ["-c", "setsid sh -c 'sleep 600 & echo $!; wait' & wait"],
      { detached: true, stdio: ["ignore", "pipe", "ignore"] });
    shell.stdout.once("data", (pid) => { shell.unref(); resolve(Number(pid)); });
  }),
  bytes: async () => {
    for (const garbage of ["\\0\\0\\0", "GET", "GET / HTTP/9.9\\r\\n\\r\\n", "\\r\\n".repeat(100000),
      "POST " + base + "x/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: -1\\r\\n\\r\\n",
      "POST " + base + "x/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 99999999999\\r\\n\\r\\n"]) {
      (await connect()).write(garbage);
    }
    return "written";
  },
  connections: async () => {
    const made = await Promise.all(Array.from({ length: 3000 }, connect));
    return made.filter((socket) => socket).length;
  },
  twice: async (context) => {
    const send = (body) => fetch("http://" + host + ":" + port + base + context.awsRequestId + "/response",
      { method: "POST", body });
    return [(await send('"first"')).status, (await send('"second"')).status];
  },
};
export const handler = async ({ how }, context) => deeds[how](context);`;

const make = (t, more = {}) => create(t, { Timeout: 2, ...code(text), ...more });

function runs(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error.code === "ESRCH") return false;
    throw error;
  }
}

// There is nothing to wait on for the end of a process of others but to look again.
async function gone(pid) {
  const deadline = Date.now() + 10000;
  while (runs(pid)) {
    assert.ok(Date.now() < deadline, `process ${pid} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("what an invocation hears of a function that misbehaves", async (t) => {
  const name = await make(t);
  const table = {
    hang: ["Sandbox.Timedout", /Task timed out after 2\.00 seconds/],
    exit: ["Runtime.ExitError", /exited without providing a reason/],
    signal: ["Runtime.ExitError", /signal: segmentation fault/],
    later: ["Error", /too late/],
    reject: ["Runtime.UnhandledPromiseRejection", /unseen/],
    large: ["Function.ResponseSizeTooLarge", /exceeded maximum allowed payload size \(6291556 bytes\)/],
    cycle: ["Error", /^Unable to stringify response body$/],
    number: ["Error", /^Unable to stringify response body$/],
  };
  for (const [how, [type, message]] of Object.entries(table)) {
    const { status, error, body } = await invoke(name, { how });
    assert.deepEqual([status, error, body.errorType], [200, "Unhandled", type], how);
    assert.match(body.errorMessage, message, how);
    assert.equal((await invoke(name, { how: "good" })).body, "good", `after ${how}`);
  }
  assert.equal((await invoke(name, { how: "nothing" })).body, null);
});

test("a function that floods its log", async (t) => {
  const name = await make(t, { Timeout: 30 });
  for (const [how, answer] of [["flood", "flooded"], ["line", "written"]]) {
    const { body, log } = await invoke(name, { how }, { LogType: "Tail" });
    assert.equal(body, answer);
    assert.ok(log.length <= 4096);
    assert.match(log, /REPORT RequestId/);
  }
  assert.equal((await invoke(name, { how: "good" })).body, "good");
});

test("a function that starts others, and one that will not end", async (t) => {
  const name = await make(t, { Timeout: 5 });
  const { body: first } = await invoke(name, { how: "fork" });
  assert.ok(runs(first));
  await invoke(name, { how: "exit" });
  await gone(first);
  const { body: second } = await invoke(name, { how: "fork" });
  await invoke(name, { how: "deaf" });
  assert.ok(runs(second));
  await lambda.deleteFunction({ FunctionName: name });
  await gone(second);
});

test("a function that abuses the runtime API", async (t) => {
  const name = await make(t, { Timeout: 20 });
  assert.equal((await invoke(name, { how: "bytes" })).body, "written");
  assert.equal((await invoke(name, { how: "good" })).body, "good");
  const { body, error } = await invoke(name, { how: "connections" });
  assert.equal(error, undefined);
  assert.ok(body > 0);
  assert.equal((await invoke(name, { how: "good" })).body, "good");
  const other = await make(t, { Timeout: 20 });
  assert.equal((await invoke(other, { how: "twice" })).body, "first");
  assert.equal((await invoke(other, { how: "good" })).body, "good");
});

test("a program that answers with anything", async (t) => {
  const bootstrap = `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\\r' |
    sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  head -c 1000 /dev/urandom | curl -sS -o /dev/null --data-binary @- "$api/$id/response"
done
`;
  const FunctionName = await create(t, { Runtime: "provided.al2023", Handler: "any",
    Code: { ZipFile: zip({ bootstrap }) } });
  const reply = await lambda.invoke({ FunctionName });
  assert.deepEqual([reply.StatusCode, reply.FunctionError, reply.Payload.length], [200, undefined, 1000]);
});

test("messages that a function cannot stand end in the dead-letter queue", async (t) => {
  const dead = await queue(t);
  const from = await queue(t, { Attributes: { VisibilityTimeout: "2", RedrivePolicy: JSON.stringify(
    { deadLetterTargetArn: dead.arn, maxReceiveCount: 2 }) } });
  const fed = text.replace("({ how }, context)", "({ Records: [{ body: how }] }, context)");
  const FunctionName = await make(t, code(fed));
  const hows = ["good", "exit", "hang", "large", "signal", "flood", "good"];
  await sqs.sendMessageBatch({ QueueUrl: from.QueueUrl,
    Entries: hows.map((MessageBody, i) => ({ Id: String(i), MessageBody })) });
  const { UUID } = await lambda.createEventSourceMapping(
    { FunctionName, EventSourceArn: from.arn, BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
  t.after(() => lambda.deleteEventSourceMapping({ UUID }));
  assert.deepEqual((await bodies(dead.QueueUrl, 4)).sort(), ["exit", "hang", "large", "signal"]);
});
