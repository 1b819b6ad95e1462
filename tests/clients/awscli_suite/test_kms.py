"""The KMS service with the AWS CLI, as a shell script would use it."""
import base64
import json
import os
import subprocess
import tempfile
import unittest
import uuid

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


def aws(action, *arguments, code=0):
    """The reply as JSON (None: none was printed), or the error's text where `code` is not 0."""
    command = [os.environ["TEST_AWS"], "--endpoint-url", ENDPOINT, "--output", "json", "kms",
               action, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError("%s ended with %d: %s" % (action, done.returncode, done.stderr))
    if code:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


class KmsCli(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="porteiro-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, data=b""):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def test_a_file_is_encrypted_and_decrypted(self):
        key = aws("create-key", "--description", "files")["KeyMetadata"]["KeyId"]
        alias = "alias/" + uuid.uuid4().hex
        aws("create-alias", "--alias-name", alias, "--target-key-id", key)
        plain = self.file("plain", b"what is in the file")
        sealed = aws("encrypt", "--key-id", alias, "--plaintext", "fileb://" + plain,
                     "--encryption-context", "purpose=test")
        blob = self.file("blob", base64.b64decode(sealed["CiphertextBlob"]))
        opened = aws("decrypt", "--ciphertext-blob", "fileb://" + blob,
                     "--encryption-context", "purpose=test")
        self.assertEqual(base64.b64decode(opened["Plaintext"]), b"what is in the file")
        refused = aws("decrypt", "--ciphertext-blob", "fileb://" + blob, code=254)
        self.assertIn("InvalidCiphertextException", refused)

    def test_openssl_verifies_what_was_signed(self):
        key = aws("create-key", "--key-spec", "ECC_NIST_P256",
                  "--key-usage", "SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        message = self.file("message", b"an event")
        signed = aws("sign", "--key-id", key, "--message", "fileb://" + message,
                     "--signing-algorithm", "ECDSA_SHA_256")
        signature = self.file("signature", base64.b64decode(signed["Signature"]))
        public = self.file("key", base64.b64decode(aws("get-public-key", "--key-id",
                                                       key)["PublicKey"]))
        command = ["openssl", "dgst", "-sha256", "-verify", public, "-keyform", "DER",
                   "-signature", signature, message]
        self.assertEqual(subprocess.run(command, check=False, capture_output=True).returncode, 0)

    def test_data_keys_rotation_and_deletion(self):
        key = aws("create-key")["KeyMetadata"]["KeyId"]
        made = aws("generate-data-key", "--key-id", key, "--key-spec", "AES_256")
        self.assertEqual(len(base64.b64decode(made["Plaintext"])), 32)
        aws("enable-key-rotation", "--key-id", key)
        self.assertTrue(aws("get-key-rotation-status", "--key-id", key)["KeyRotationEnabled"])
        aws("rotate-key-on-demand", "--key-id", key)
        self.assertEqual(len(aws("list-key-rotations", "--key-id", key)["Rotations"]), 1)
        aws("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
        refused = aws("generate-data-key", "--key-id", key, "--key-spec", "AES_256", code=254)
        self.assertIn("KMSInvalidStateException", refused)
