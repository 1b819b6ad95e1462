// Bodies and attributes of every kind and size. The SDK itself checks the bodies' MD5.
import assert from "node:assert/strict";
import test from "node:test";
import {
  attributesMd5, invalid, mebibyte, queue, receive, receiveOne, remove, send, sqs,
} from "./support.js";

const texts = {
  "XML and JSON": "<a href=\"x\">&amp; 'q' ]]> {\"b\": \"\\u00e9\\n\"} %41+%2B \\ /",
  "white space": "  two spaces, \ttab,\r\ncarriage return\rline feed\n at the end \n ",
  "only spaces": "   ",
  languages: "ação Ελλάς кириллица 日本語 עברית العربية",
  "four bytes": "😀𝒳🇧🇷👩‍👩‍👧 \u{10ffff}",
  edges: "\u007f\u00a0\u0085\u2028\u2029\ud7ff\ue000\ufffd\u200b\u200f\ufeff",
};

test("texts come back as they were sent", async (t) => {
  const url = await queue(t);
  for (const [name, text] of Object.entries(texts)) {
    await t.test(name, async () => {
      const MessageAttributes = { text: { DataType: "String", StringValue: text } };
      const sent = await send(url, text, { MessageAttributes });
      assert.equal(sent.MD5OfMessageAttributes, attributesMd5(MessageAttributes));
      const message = await receiveOne(url);
      await remove(url, message);
      assert.equal(message.Body, text);
      assert.deepEqual(message.MessageAttributes, MessageAttributes);
    });
  }
});

test("attributes of every type", async (t) => {
  const url = await queue(t);
  const MessageAttributes = {
    Text: { DataType: "String.json", StringValue: "{}" },
    number: { DataType: "Number", StringValue: "-12345678901234567890.123456789012345678" },
    float: { DataType: "Number.float", StringValue: "1e-10" },
    bytes: { DataType: "Binary", BinaryValue: Uint8Array.from({ length: 256 }, (_, i) => i) },
    Picture: { DataType: "Binary.png", BinaryValue: new Uint8Array([0]) },
  };
  const sent = await send(url, "x", { MessageAttributes });
  assert.equal(sent.MD5OfMessageAttributes, attributesMd5(MessageAttributes));
  const message = await receiveOne(url);
  assert.equal(message.MD5OfMessageAttributes, attributesMd5(MessageAttributes));
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(MessageAttributes)) {
    const got = message.MessageAttributes[name];
    assert.deepEqual([got.DataType, got.StringValue], [DataType, StringValue]);
    if (BinaryValue) assert.deepEqual([...got.BinaryValue], [...BinaryValue]);
  }
});

test("one mebibyte, and one byte more", async (t) => {
  const url = await queue(t);
  const value = new Uint8Array(100);
  const binary = { MessageAttributes: { name: { DataType: "Binary", BinaryValue: value } } };
  const cases = {
    letters: ["a".repeat(mebibyte), {}],
    "bytes, not characters": ["é".repeat(mebibyte / 2), {}],
    "each escaped": ["\"".repeat(mebibyte), {}],
    "with attributes": ["a".repeat(mebibyte - "nameBinary".length - value.length), binary],
  };
  for (const [name, [body, more]] of Object.entries(cases)) {
    await t.test(name, async () => {
      await send(url, body, more);
      const message = await receiveOne(url);
      await remove(url, message);
      assert.ok(message.Body === body, "another body came back");
      await invalid(send(url, body + "b", more));
    });
  }
});

test("a batch of one mebibyte in all", async (t) => {
  const QueueUrl = await queue(t);
  const Entries = Array.from({ length: 8 }, (_, i) => ({
    Id: `${i}`, MessageBody: "b".repeat(mebibyte / 8) }));
  assert.equal((await sqs.sendMessageBatch({ QueueUrl, Entries })).Successful.length, 8);
  let total = 0;
  while (total < mebibyte) {
    const some = await receive(QueueUrl, 5);
    assert.notEqual(some.length, 0, `only ${total} bytes came`);
    for (const { Body } of some) total += Body.length;
  }
  assert.equal(total, mebibyte);
});
