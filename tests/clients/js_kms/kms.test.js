// The KMS service with AWS's client for JavaScript.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import test from "node:test";
import { kms, newKey, refused } from "./support.js";

const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);

test("encrypt, decrypt, and only in the same context", async () => {
  const KeyId = await newKey();
  const EncryptionContext = { store: "A" };
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: bytes("x"), EncryptionContext });
  const opened = await kms.decrypt({ CiphertextBlob, EncryptionContext });
  assert.equal(text(opened.Plaintext), "x");
  assert.ok(opened.KeyId.endsWith(KeyId));
  await refused(kms.decrypt({ CiphertextBlob }), "InvalidCiphertextException");
  await refused(kms.decrypt({ CiphertextBlob, EncryptionContext, KeyId: await newKey() }),
    "IncorrectKeyException");
});

test("errors have the names of the service's model", async () => {
  const KeyId = await newKey();
  await kms.disableKey({ KeyId });
  await refused(kms.generateDataKey({ KeyId, KeySpec: "AES_256" }), "DisabledException");
  await refused(kms.describeKey({ KeyId: "alias/nothing" }), "NotFoundException");
  await refused(kms.generateDataKey({ KeyId }), "ValidationException");
  await refused(kms.sign({ KeyId, Message: bytes("x"), SigningAlgorithm: "ECDSA_SHA_256" }),
    "DisabledException");
});

test("dates are dates", async () => {
  const { KeyMetadata } = await kms.createKey({ Description: "dated" });
  assert.ok(Math.abs(KeyMetadata.CreationDate - Date.now()) < 60_000);
  const { DeletionDate } = await kms.scheduleKeyDeletion(
    { KeyId: KeyMetadata.KeyId, PendingWindowInDays: 7 });
  assert.ok(DeletionDate - KeyMetadata.CreationDate >= 7 * 24 * 3600_000 - 1000);
});

test("Node verifies what was signed", async () => {
  for (const [KeySpec, SigningAlgorithm, digest] of [
    ["ECC_NIST_P256", "ECDSA_SHA_256", "sha256"], ["ECC_NIST_EDWARDS25519", "ED25519_SHA_512", null],
  ]) {
    const KeyId = await newKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
    const Message = bytes("an event");
    const { Signature } = await kms.sign({ KeyId, Message, SigningAlgorithm });
    const { PublicKey } = await kms.getPublicKey({ KeyId });
    const key = createPublicKey({ key: Buffer.from(PublicKey), format: "der", type: "spki" });
    assert.ok(verify(digest, Message, key, Signature));
    const { SignatureValid } = await kms.verify({ KeyId, Message, Signature, SigningAlgorithm });
    assert.ok(SignatureValid);
    await refused(kms.verify({ KeyId, Message: bytes("another"), Signature, SigningAlgorithm }),
      "KMSInvalidSignatureException");
  }
});

test("lists come in pages", async () => {
  for (let i = 0; i < 3; ++i) await newKey();
  const seen = new Set();
  for (let Marker; ;) {
    const page = await kms.listKeys({ Limit: 2, Marker });
    for (const each of page.Keys) seen.add(each.KeyId);
    Marker = page.NextMarker;
    assert.equal(Boolean(Marker), page.Truncated);
    if (!Marker) break;
  }
  assert.ok(seen.size >= 3);
});
