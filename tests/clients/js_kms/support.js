// What the tests of KMS share.
import assert from "node:assert/strict";
import { KMS } from "@aws-sdk/client-kms";

export const kms = new KMS({ endpoint: process.env.AWS_ENDPOINT_URL, maxAttempts: 1 });

export async function newKey(more = {}) {
  return (await kms.createKey(more)).KeyMetadata.KeyId;
}

export async function refused(call, name) {
  await assert.rejects(call, (error) => {
    assert.equal(error.name, name);
    return true;
  });
}
