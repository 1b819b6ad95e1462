// The AWS Encryption SDK over the KMS service: its keyring, and its cache of data keys.
import assert from "node:assert/strict";
import test from "node:test";
import {
  buildClient, CommitmentPolicy, getClient, getLocalCryptographicMaterialsCache, KMS, KmsKeyringNode,
  NodeCachingMaterialsManager,
} from "@aws-crypto/client-node";
import { kms, newKey } from "./support.js";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const clientProvider = getClient(KMS, { endpoint: process.env.AWS_ENDPOINT_URL });
const context = { store: "A", purpose: "test" };

async function keyring() {
  const { KeyMetadata } = await kms.createKey({});
  return new KmsKeyringNode({ clientProvider, generatorKeyId: KeyMetadata.Arn });
}

test("a message opens, with the context it was sealed in", async () => {
  const ring = await keyring();
  const { result } = await encrypt(ring, "a message", { encryptionContext: context });
  const { plaintext, messageHeader } = await decrypt(ring, result);
  assert.equal(plaintext.toString(), "a message");
  for (const [name, value] of Object.entries(context)) {
    assert.equal(messageHeader.encryptionContext[name], value);
  }
});

test("another key, a changed byte and a changed context are refused", async () => {
  const ring = await keyring();
  const { result } = await encrypt(ring, "a message", { encryptionContext: context });
  await assert.rejects(decrypt(await keyring(), result));
  const changed = Buffer.from(result);
  changed[changed.length - 100] ^= 1;
  await assert.rejects(decrypt(ring, changed));
  const at = result.indexOf("test");  // The value of `purpose`, in clear in the message's header.
  assert.ok(at > 0);
  const moved = Buffer.from(result);
  moved.write("best", at);
  await assert.rejects(decrypt(ring, moved));
});

test("two keys seal, either opens", async () => {
  const arns = [];
  for (let i = 0; i < 2; ++i) arns.push((await kms.createKey({})).KeyMetadata.Arn);
  const both = new KmsKeyringNode({ clientProvider, generatorKeyId: arns[0], keyIds: [arns[1]] });
  const { result } = await encrypt(both, "for two", { encryptionContext: context });
  for (const arn of arns) {
    const one = new KmsKeyringNode({ clientProvider, keyIds: [arn] });
    assert.equal((await decrypt(one, result)).plaintext.toString(), "for two");
  }
});

async function calls() {
  const page = await (await fetch(process.env.AWS_ENDPOINT_URL + "/_porteiro/metrics")).text();
  return [...page.matchAll(/^porteiro_kms_calls_total\{key="client-keys".*\} (\d+)$/gm)]
    .reduce((sum, match) => sum + Number(match[1]), 0);
}

test("its cache makes few calls of many messages", async () => {
  const materials = new NodeCachingMaterialsManager({
    backingMaterials: await keyring(), cache: getLocalCryptographicMaterialsCache(100),
    maxAge: 60_000, maxMessagesEncrypted: 100,
  });
  const before = await calls();
  for (let i = 0; i < 20; ++i) {
    const { result } = await encrypt(materials, "m" + i,
      { encryptionContext: context, plaintextLength: 3 });
    assert.equal((await decrypt(materials, result)).plaintext.toString(), "m" + i);
  }
  const made = await calls() - before;
  assert.ok(made >= 1 && made <= 4, `${made} calls`);
});

test("a key that is disabled opens nothing more", async () => {
  const KeyId = await newKey();
  const ring = new KmsKeyringNode({
    clientProvider, generatorKeyId: (await kms.describeKey({ KeyId })).KeyMetadata.Arn });
  const { result } = await encrypt(ring, "a message", { encryptionContext: context });
  await kms.disableKey({ KeyId });
  await assert.rejects(decrypt(ring, result));
});
