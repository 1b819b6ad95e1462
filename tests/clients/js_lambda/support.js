// What the tests of Lambda with the JavaScript SDK share: a client that knows the server from its
// environment only, zip files, functions that go away, and checks of errors.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import zlib from "node:zlib";
import { Lambda } from "@aws-sdk/client-lambda";
import { SQS } from "@aws-sdk/client-sqs";

export const client = (options = {}) => new Lambda({ maxAttempts: 1, ...options });
export const lambda = client();
export const sqs = new SQS({ maxAttempts: 1 });
export const Role = "arn:aws:iam::000000000000:role/tests";
export const unique = () => "js-" + randomUUID().slice(0, 18);

const table = Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
// Node has it from 20.15 on only.
const checksum = zlib.crc32 ?? ((bytes) =>
  (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0);

// A zip file of these files, {name: text}; `mode` is for all of them.
export function zip(files, mode = 0o100755) {
  const parts = [], directory = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const raw = Buffer.from(text), packed = zlib.deflateRawSync(raw), path = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(checksum(raw), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(raw.length, 18);
    fields.writeUInt16LE(path.length, 22);
    const entry = Buffer.concat([Buffer.from("PK\x03\x04"), fields, path, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02"), Buffer.from([20, 3]), fields, rest, path);
    parts.push(entry);
    offset += entry.length;
  }
  const central = Buffer.concat(directory), end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06"), end]);
}

export const echo = zip({ "index.mjs": "export const handler = async (event) => event;" });

// The name of a new function that is deleted after the test.
export async function create(t, more = {}) {
  const FunctionName = unique();
  await lambda.createFunction({ FunctionName, Role, Runtime: "nodejs22.x", Handler: "index.handler",
    Code: { ZipFile: echo }, ...more });
  t.after(() => lambda.deleteFunction({ FunctionName }).catch((error) => {
    if (error.name !== "ResourceNotFoundException") throw error;
  }));
  return FunctionName;
}

export const code = (text) => ({ Code: { ZipFile: zip({ "index.mjs": text }) } });

// {status, error, body, version, log} of a synchronous invocation.
export async function invoke(FunctionName, event, more = {}) {
  const reply = await lambda.invoke({ FunctionName, Payload: JSON.stringify(event), ...more });
  const text = Buffer.from(reply.Payload).toString();
  return { status: reply.StatusCode, error: reply.FunctionError, version: reply.ExecutedVersion,
    body: text === "" ? undefined : JSON.parse(text),
    log: reply.LogResult && Buffer.from(reply.LogResult, "base64").toString() };
}

// A new queue {QueueUrl, arn} that is deleted after the test.
export async function queue(t, { QueueName = unique(), Attributes } = {}) {
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes });
  t.after(() => sqs.deleteQueue({ QueueUrl }));
  const made = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
  return { QueueUrl, arn: made.Attributes.QueueArn };
}

// The bodies of so many messages, which have to come within 10 s each.
export async function bodies(QueueUrl, count) {
  const out = [];
  while (out.length < count) {
    const { Messages } = await sqs.receiveMessage(
      { QueueUrl, WaitTimeSeconds: 10, MaxNumberOfMessages: 10 });
    assert.ok(Messages, "no message came");
    for (const { Body, ReceiptHandle } of Messages) {
      out.push(Body);
      await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
    }
  }
  return out;
}

// Checks that the service refuses: the class by its name, the status, a message and a request id.
export async function refused(promise, name, status = 400) {
  const error = await promise.then(() => assert.fail(`not refused, expected ${name}`), (e) => e);
  if (error instanceof assert.AssertionError) throw error;
  assert.deepEqual([error.name, error.$metadata?.httpStatusCode], [name, status], String(error));
  assert.ok(error.message && error.message !== "UnknownError", "the error has no message");
  assert.ok(error.$metadata.requestId, "the error has no request id");
  return error;
}
