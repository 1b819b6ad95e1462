// What the tests with the JavaScript SDK share: a client that knows the server from its environment
// only, queues that go away, and checks of errors and hashes.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { SQS } from "@aws-sdk/client-sqs";

export const endpoint = process.env.AWS_ENDPOINT_URL;
export const account = "000000000000";
export const mebibyte = 1 << 20;
export const patience = 10; // Seconds that a receive waits which should find something.

// One that repeats nothing and so shows every error.
export const client = (options = {}) => new SQS({ maxAttempts: 1, ...options });
export const sqs = client();

export const unique = (suffix = "") => "js-" + randomUUID().replaceAll("-", "").slice(0, 16) + suffix;
export const md5 = (text) => createHash("md5").update(text).digest("hex");

// The URL of a new queue that is deleted after the test.
export async function queue(t, attributes = {}, more = {}) {
  const QueueName = unique(attributes.FifoQueue ? ".fifo" : "");
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes: attributes, ...more });
  t.after(async () => {
    try {
      await sqs.deleteQueue({ QueueUrl });
    } catch (error) {
      if (error.name !== "QueueDoesNotExist") throw error;
    }
  });
  return QueueUrl;
}

export const fifoQueue = (t, attributes = {}) => queue(t, { FifoQueue: "true", ...attributes });

export async function attributes(QueueUrl, ...names) {
  const AttributeNames = names.length > 0 ? names : ["All"];
  return (await sqs.getQueueAttributes({ QueueUrl, AttributeNames })).Attributes ?? {};
}

export const arnOf = async (url) => (await attributes(url, "QueueArn")).QueueArn;
export const redrive = async (target, maxReceiveCount = 1) =>
  JSON.stringify({ deadLetterTargetArn: await arnOf(target), maxReceiveCount });

export const send = (QueueUrl, MessageBody = "hello", more = {}) =>
  sqs.sendMessage({ QueueUrl, MessageBody, ...more });

// At most ten messages.
export async function receive(QueueUrl, wait = 0, more = {}) {
  const reply = await sqs.receiveMessage({
    QueueUrl, WaitTimeSeconds: wait, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ["All"],
    MessageAttributeNames: ["All"], ...more });
  return reply.Messages ?? [];
}

export const bodies = async (...args) => (await receive(...args)).map((message) => message.Body);

// The one message that has to be there, or to come.
export async function receiveOne(url, more = {}) {
  const messages = await receive(url, patience, { MaxNumberOfMessages: 1, ...more });
  assert.equal(messages.length, 1, `no message came in ${patience} s`);
  return messages[0];
}

export const remove = (QueueUrl, { ReceiptHandle }) => sqs.deleteMessage({ QueueUrl, ReceiptHandle });

// The hash over message attributes, as the SQS Developer Guide defines it.
export function attributesMd5(all) {
  const hash = createHash("md5");
  const add = (data) => {
    const bytes = Buffer.from(data);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of Object.keys(all).sort()) {
    const { DataType, StringValue, BinaryValue } = all[name];
    const binary = DataType.startsWith("Binary");
    add(name);
    add(DataType);
    hash.update(Buffer.from([binary ? 2 : 1]));
    add(binary ? BinaryValue : StringValue);
  }
  return hash.digest("hex");
}

// Checks that the service refuses: the class by its name, the Query protocol's code that older
// programs branch on, the HTTP status, a message and a request id.
export async function refused(promise, name, code, status = 400) {
  const error = await promise.then(() => assert.fail(`not refused, expected ${name}`), (e) => e);
  if (error instanceof assert.AssertionError) throw error;
  assert.deepEqual([error.name, error.Error?.Code, error.$metadata?.httpStatusCode],
    [name, code, status], String(error));
  assert.equal(error.Error.Type, "Sender");
  assert.ok(error.message, "the error has no message");
  assert.ok(error.$metadata.requestId, "the error has no request id");
  return error;
}

// Errors that the SDK has no class for are named as the Query protocol names them.
export const invalid = (promise) =>
  refused(promise, "InvalidParameterValue", "InvalidParameterValue");

// A request that no SDK makes: {status, headers, text, json}.
export async function raw(action, body, options = {}) {
  const reply = await fetch((options.endpoint ?? endpoint) + "/", {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.0",
      "X-Amz-Target": `AmazonSQS.${action}`,
      ...options.headers,
    },
    body: typeof body === "object" && !Buffer.isBuffer(body) ? JSON.stringify(body) : body,
  });
  const text = await reply.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: reply.status, headers: reply.headers, text, json };
}
