"""The KMS service with boto3: keys and what is done with them, and the errors of each."""
import datetime
import hashlib
import json
import os
import subprocess
import tempfile
import unittest
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .support import ENDPOINT, raw

ROOT = "arn:aws:iam::000000000000:root"


def kms_client(access_key=None):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    return boto3.client("kms", endpoint_url=ENDPOINT, config=config, region_name="us-east-1",
                        aws_access_key_id=access_key,
                        aws_secret_access_key="s" if access_key else None)


def openssl(*arguments, data=b""):
    """What the command prints; fails when it does."""
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True).stdout


class KmsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.kms = kms_client()
        cls.addClassCleanup(cls.kms.close)

    def key(self, **more):
        """The id of a new key."""
        return self.kms.create_key(**more)["KeyMetadata"]["KeyId"]

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def folder(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return made.name


class Keys(KmsTest):
    def test_life(self):
        made = self.kms.create_key(Description="orders", Tags=[{"TagKey": "team", "TagValue": "a"}])
        data = made["KeyMetadata"]
        key = data["KeyId"]
        self.assertEqual(str(uuid.UUID(key)), key)
        self.assertEqual(data["Arn"], "arn:aws:kms:us-east-1:000000000000:key/" + key)
        self.assertEqual(data["KeyState"], "Enabled")
        self.assertTrue(data["Enabled"])
        self.assertEqual(data["KeySpec"], "SYMMETRIC_DEFAULT")
        self.assertEqual(data["KeyUsage"], "ENCRYPT_DECRYPT")
        self.assertEqual(data["EncryptionAlgorithms"], ["SYMMETRIC_DEFAULT"])
        self.assertEqual(data["Origin"], "AWS_KMS")
        self.assertEqual(data["KeyManager"], "CUSTOMER")
        age = datetime.datetime.now(datetime.timezone.utc) - data["CreationDate"]
        self.assertLess(abs(age.total_seconds()), 60)
        self.assertEqual(self.kms.describe_key(KeyId=data["Arn"])["KeyMetadata"], data)
        self.kms.update_key_description(KeyId=key, Description="bills")
        self.assertEqual(self.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"], "bills")
        self.kms.disable_key(KeyId=key)
        self.refused("DisabledException", self.kms.encrypt, KeyId=key, Plaintext=b"x")
        self.kms.enable_key(KeyId=key)
        sealed = self.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        ended = self.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        self.assertEqual(ended["KeyState"], "PendingDeletion")
        days = (ended["DeletionDate"] - data["CreationDate"]).total_seconds() / 86400
        self.assertAlmostEqual(days, 7, delta=0.01)
        self.refused("KMSInvalidStateException", self.kms.decrypt, CiphertextBlob=sealed)
        self.refused("KMSInvalidStateException", self.kms.enable_key, KeyId=key)
        self.kms.cancel_key_deletion(KeyId=key)
        self.refused("KMSInvalidStateException", self.kms.cancel_key_deletion, KeyId=key)
        self.assertEqual(self.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled")
        self.kms.enable_key(KeyId=key)
        self.assertEqual(self.kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"x")

    def test_lists(self):
        keys = {self.key() for _ in range(5)}
        seen = []
        for page in self.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}):
            self.assertLessEqual(len(page["Keys"]), 2)
            seen += [each["KeyId"] for each in page["Keys"]]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(keys, set(seen))
        self.refused("InvalidMarkerException", self.kms.list_keys, Marker="!")

    def test_tags(self):
        key = self.key()
        self.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"},
                                               {"TagKey": "b", "TagValue": ""}])
        self.kms.untag_resource(KeyId=key, TagKeys=["a", "none"])
        self.assertEqual(self.kms.list_resource_tags(KeyId=key)["Tags"],
                         [{"TagKey": "b", "TagValue": ""}])
        self.refused("TagException", self.kms.tag_resource, KeyId=key,
                     Tags=[{"TagKey": "aws:x", "TagValue": "1"}])

    def test_aliases(self):
        first, second = self.key(), self.key()
        alias = "alias/" + uuid.uuid4().hex
        self.kms.create_alias(AliasName=alias, TargetKeyId=first)
        self.refused("AlreadyExistsException", self.kms.create_alias, AliasName=alias,
                     TargetKeyId=second)
        arn = "arn:aws:kms:us-east-1:000000000000:" + alias
        for name in (alias, arn, first):
            self.assertEqual(self.kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], first)
        listed = self.kms.list_aliases(KeyId=first)["Aliases"]
        self.assertEqual([(a["AliasName"], a["AliasArn"], a["TargetKeyId"]) for a in listed],
                         [(alias, arn, first)])
        self.kms.update_alias(AliasName=alias, TargetKeyId=second)
        self.assertEqual(self.kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"], second)
        mac = self.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        self.refused("ValidationException", self.kms.update_alias, AliasName=alias, TargetKeyId=mac)
        self.kms.delete_alias(AliasName=alias)
        self.refused("NotFoundException", self.kms.delete_alias, AliasName=alias)
        self.refused("NotFoundException", self.kms.describe_key, KeyId=alias)
        self.refused("ValidationException", self.kms.create_alias, AliasName="orders",
                     TargetKeyId=first)

    def test_names(self):
        missing = str(uuid.uuid4())
        self.refused("NotFoundException", self.kms.describe_key, KeyId=missing)
        self.refused("NotFoundException", self.kms.describe_key, KeyId="nonsense")
        self.refused("InvalidArnException", self.kms.describe_key,
                     KeyId="arn:aws:sqs:us-east-1:000000000000:key/" + missing)
        self.refused("InvalidArnException", self.kms.describe_key,
                     KeyId="arn:aws:kms:eu-west-1:000000000000:key/" + missing)

    def test_what_cannot_be_made(self):
        self.refused("ValidationException", self.kms.create_key, KeySpec="RSA_2048")
        self.refused("ValidationException", self.kms.create_key, KeyUsage="SIGN_VERIFY")
        self.refused("UnsupportedOperationException", self.kms.create_key, MultiRegion=True)
        self.refused("UnsupportedOperationException", self.kms.create_key, KeySpec="SM2",
                     KeyUsage="SIGN_VERIFY")
        self.refused("UnsupportedOperationException", self.kms.describe_custom_key_stores)

    def test_the_configs_keys_are_out_of_reach(self):
        self.refused("AccessDeniedException", self.kms.describe_key, KeyId="alias/hidden")
        self.refused("AccessDeniedException", self.kms.encrypt, KeyId="alias/hidden",
                     Plaintext=b"x")
        names = [a["AliasName"] for a in self.kms.list_aliases()["Aliases"]]
        self.assertNotIn("alias/hidden", names)
        self.assertIn("alias/shared", names)
        key = self.kms.describe_key(KeyId="alias/shared")["KeyMetadata"]["KeyId"]
        sealed = self.kms.encrypt(KeyId="alias/shared", Plaintext=b"x")
        self.assertEqual(self.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"],
                         b"x")
        for call, more in ((self.kms.disable_key, {}), (self.kms.schedule_key_deletion, {}),
                           (self.kms.put_key_policy, {"PolicyName": "default", "Policy": "{}"})):
            self.refused("AccessDeniedException", call, KeyId=key, **more)
        self.refused("AccessDeniedException", self.kms.delete_alias, AliasName="alias/shared")


class Encryption(KmsTest):
    def test_round_trip_in_one_context_only(self):
        key = self.key()
        context = {"store": "A", "collection": "pessoa física"}
        sealed = self.kms.encrypt(KeyId=key, Plaintext=b"52998224725", EncryptionContext=context)
        self.assertEqual(sealed["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT")
        self.assertTrue(sealed["KeyId"].endswith("key/" + key))
        blob = sealed["CiphertextBlob"]
        self.assertNotIn(b"52998224725", blob)
        opened = self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        self.assertEqual(opened["Plaintext"], b"52998224725")
        self.assertEqual(opened["KeyId"], sealed["KeyId"])
        for wrong in ({}, {"store": "A"}, {**context, "more": "1"}, {**context, "store": "B"}):
            self.refused("InvalidCiphertextException", self.kms.decrypt, CiphertextBlob=blob,
                         EncryptionContext=wrong)
        other = self.key()
        self.refused("IncorrectKeyException", self.kms.decrypt, CiphertextBlob=blob, KeyId=other,
                     EncryptionContext=context)
        changed = blob[:-1] + bytes([blob[-1] ^ 1])
        self.refused("InvalidCiphertextException", self.kms.decrypt, CiphertextBlob=changed,
                     EncryptionContext=context)
        self.refused("InvalidCiphertextException", self.kms.decrypt, CiphertextBlob=b"nonsense")

    def test_sizes(self):
        key = self.key()
        self.kms.encrypt(KeyId=key, Plaintext=b"x" * 4096)
        response = self.refused("ValidationException", self.kms.encrypt, KeyId=key,
                                Plaintext=b"x" * 4097)
        self.assertNotIn("xxxx", json.dumps(response["Error"]))
        self.refused("ValidationException", self.kms.encrypt, KeyId=key, Plaintext=b"")

    def test_data_keys(self):
        key = self.key()
        context = {"a": "b"}
        made = self.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
        self.assertEqual(len(made["Plaintext"]), 32)
        opened = self.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        self.assertEqual(opened["Plaintext"], made["Plaintext"])
        short = self.kms.generate_data_key(KeyId=key, NumberOfBytes=17)
        self.assertEqual(len(short["Plaintext"]), 17)
        blind = self.kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128")
        self.assertNotIn("Plaintext", blind)
        self.assertEqual(len(self.kms.decrypt(CiphertextBlob=blind["CiphertextBlob"])["Plaintext"]),
                         16)
        self.refused("ValidationException", self.kms.generate_data_key, KeyId=key)
        self.refused("ValidationException", self.kms.generate_data_key, KeyId=key,
                     NumberOfBytes=32, KeySpec="AES_256")
        self.assertEqual(len(self.kms.generate_random(NumberOfBytes=33)["Plaintext"]), 33)

    def test_re_encrypt(self):
        first, second = self.key(), self.key()
        blob = self.kms.encrypt(KeyId=first, Plaintext=b"x", EncryptionContext={"a": "1"})
        again = self.kms.re_encrypt(CiphertextBlob=blob["CiphertextBlob"],
                                    SourceEncryptionContext={"a": "1"}, DestinationKeyId=second,
                                    DestinationEncryptionContext={"b": "2"})
        self.assertTrue(again["SourceKeyId"].endswith(first))
        self.assertTrue(again["KeyId"].endswith(second))
        opened = self.kms.decrypt(CiphertextBlob=again["CiphertextBlob"],
                                  EncryptionContext={"b": "2"})
        self.assertEqual(opened["Plaintext"], b"x")
        self.refused("InvalidCiphertextException", self.kms.re_encrypt,
                     CiphertextBlob=blob["CiphertextBlob"], DestinationKeyId=second)

    def test_rsa(self):
        key = self.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        folder = self.folder()
        public = os.path.join(folder, "key.der")
        with open(public, "wb") as out:
            out.write(self.kms.get_public_key(KeyId=key)["PublicKey"])
        for name, digest in (("RSAES_OAEP_SHA_1", "sha1"), ("RSAES_OAEP_SHA_256", "sha256")):
            sealed = self.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm=name)
            opened = self.kms.decrypt(KeyId=key, CiphertextBlob=sealed["CiphertextBlob"],
                                      EncryptionAlgorithm=name)
            self.assertEqual(opened["Plaintext"], b"x")
            outside = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public,
                              "-pkeyopt", "rsa_padding_mode:oaep",
                              "-pkeyopt", "rsa_oaep_md:" + digest,
                              "-pkeyopt", "rsa_mgf1_md:" + digest, data=b"from outside")
            opened = self.kms.decrypt(KeyId=key, CiphertextBlob=outside, EncryptionAlgorithm=name)
            self.assertEqual(opened["Plaintext"], b"from outside")
        self.refused("InvalidKeyUsageException", self.kms.encrypt, KeyId=key, Plaintext=b"x")
        self.refused("InvalidCiphertextException", self.kms.decrypt, KeyId=key,
                     CiphertextBlob=b"x" * 256, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        self.refused("ValidationException", self.kms.encrypt, KeyId=key, Plaintext=b"x" * 191,
                     EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        mixed = self.kms.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], SourceKeyId=key,
                                    SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256",
                                    DestinationKeyId=self.key())
        self.assertEqual(self.kms.decrypt(CiphertextBlob=mixed["CiphertextBlob"])["Plaintext"], b"x")

    def test_dry_run(self):
        key = self.key()
        self.refused("DryRunOperationException", self.kms.encrypt, KeyId=key, Plaintext=b"x",
                     DryRun=True)
        self.refused("DryRunOperationException", self.kms.generate_data_key, KeyId=key,
                     KeySpec="AES_256", DryRun=True)


class Signatures(KmsTest):
    SPECS = {
        "ECC_NIST_P256": ["ECDSA_SHA_256"],
        "ECC_NIST_P384": ["ECDSA_SHA_384"],
        "ECC_NIST_P521": ["ECDSA_SHA_512"],
        "ECC_SECG_P256K1": ["ECDSA_SHA_256"],
        "RSA_2048": ["RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
                     "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384",
                     "RSASSA_PKCS1_V1_5_SHA_512"],
    }

    def openssl_verifies(self, public, algorithm, message, signature):
        folder = self.folder()
        names = {}
        for name, data in (("key", public), ("message", message), ("signature", signature)):
            names[name] = os.path.join(folder, name)
            with open(names[name], "wb") as out:
                out.write(data)
        if algorithm == "ED25519_SHA_512":
            out = openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names["key"],
                          "-rawin", "-in", names["message"], "-sigfile", names["signature"])
            self.assertIn(b"Verified Successfully", out)
            return
        more = []
        if "PSS" in algorithm:
            more = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        out = openssl("dgst", "-sha" + algorithm[-3:], "-verify", names["key"], "-keyform", "DER",
                      *more, "-signature", names["signature"], names["message"])
        self.assertIn(b"Verified OK", out)

    def test_each_algorithm(self):
        message = b"an event as it is signed"
        for spec, algorithms in self.SPECS.items():
            key = self.key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
            public = self.kms.get_public_key(KeyId=key)
            self.assertEqual(sorted(public["SigningAlgorithms"]), sorted(algorithms))
            for name in algorithms:
                with self.subTest(spec=spec, algorithm=name):
                    digest = hashlib.new("sha" + name[-3:], message).digest()
                    common = {"KeyId": key, "SigningAlgorithm": name}
                    signed = self.kms.sign(Message=message, **common)["Signature"]
                    hashed = self.kms.sign(Message=digest, MessageType="DIGEST", **common)
                    for each in (signed, hashed["Signature"]):
                        self.assertTrue(self.kms.verify(Message=message, Signature=each,
                                                        **common)["SignatureValid"])
                        self.openssl_verifies(public["PublicKey"], name, message, each)
                    self.assertTrue(self.kms.verify(Message=digest, MessageType="DIGEST",
                                                    Signature=signed, **common)["SignatureValid"])
                    self.refused("KMSInvalidSignatureException", self.kms.verify,
                                 Message=message + b"!", Signature=signed, **common)
                    self.refused("ValidationException", self.kms.sign, Message=b"short",
                                 MessageType="DIGEST", **common)

    def test_ed25519(self):
        key = self.key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")
        common = {"KeyId": key, "SigningAlgorithm": "ED25519_SHA_512", "MessageType": "RAW"}
        signed = self.kms.sign(Message=b"m", **common)["Signature"]
        self.assertEqual(len(signed), 64)
        self.assertEqual(self.kms.sign(Message=b"m", **common)["Signature"], signed)
        self.assertTrue(self.kms.verify(Message=b"m", Signature=signed, **common)["SignatureValid"])
        public = self.kms.get_public_key(KeyId=key)["PublicKey"]
        self.openssl_verifies(public, "ED25519_SHA_512", b"m", signed)
        self.refused("KMSInvalidSignatureException", self.kms.verify, Message=b"n",
                     Signature=signed, **common)

    def test_usage(self):
        key = self.key()
        self.refused("InvalidKeyUsageException", self.kms.sign, KeyId=key, Message=b"x",
                     SigningAlgorithm="ECDSA_SHA_256")
        self.refused("UnsupportedOperationException", self.kms.get_public_key, KeyId=key)
        pair = self.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        self.refused("InvalidKeyUsageException", self.kms.sign, KeyId=pair, Message=b"x",
                     SigningAlgorithm="ECDSA_SHA_384")
        self.refused("InvalidKeyUsageException", self.kms.generate_data_key, KeyId=pair,
                     KeySpec="AES_256")

    def test_macs(self):
        for bits in (224, 256, 384, 512):
            key = self.key(KeySpec="HMAC_%d" % bits, KeyUsage="GENERATE_VERIFY_MAC")
            common = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_%d" % bits}
            mac = self.kms.generate_mac(Message=b"m", **common)["Mac"]
            self.assertEqual(len(mac), bits // 8)
            self.assertTrue(self.kms.verify_mac(Message=b"m", Mac=mac, **common)["MacValid"])
            self.refused("KMSInvalidMacException", self.kms.verify_mac, Message=b"n", Mac=mac,
                         **common)

    def test_pairs_as_data_keys(self):
        key = self.key()
        made = self.kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256",
                                               EncryptionContext={"a": "b"})
        opened = self.kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"],
                                  EncryptionContext={"a": "b"})
        self.assertEqual(opened["Plaintext"], made["PrivateKeyPlaintext"])
        folder = self.folder()
        private = os.path.join(folder, "private.der")
        with open(private, "wb") as out:
            out.write(made["PrivateKeyPlaintext"])
        public = openssl("pkey", "-inform", "DER", "-in", private, "-pubout", "-outform", "DER")
        self.assertEqual(public, made["PublicKey"])
        blind = self.kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="RSA_2048")
        self.assertNotIn("PrivateKeyPlaintext", blind)

    def test_shared_secrets(self):
        one = self.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
        two = self.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
        secrets = [self.kms.derive_shared_secret(
            KeyId=a, KeyAgreementAlgorithm="ECDH",
            PublicKey=self.kms.get_public_key(KeyId=b)["PublicKey"])["SharedSecret"]
                   for a, b in ((one, two), (two, one))]
        self.assertEqual(secrets[0], secrets[1])
        self.assertEqual(len(secrets[0]), 32)
        self.refused("ValidationException", self.kms.derive_shared_secret, KeyId=one,
                     KeyAgreementAlgorithm="ECDH", PublicKey=b"nonsense")


class Rotation(KmsTest):
    def test_on_demand(self):
        key = self.key()
        blobs = [self.kms.encrypt(KeyId=key, Plaintext=b"0")["CiphertextBlob"]]
        for number in range(1, 4):
            self.kms.rotate_key_on_demand(KeyId=key)
            blobs.append(self.kms.encrypt(KeyId=key, Plaintext=b"%d" % number)["CiphertextBlob"])
        for number, blob in enumerate(blobs):
            self.assertEqual(self.kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"%d" % number)
        listed, more = [], {}
        while True:
            page = self.kms.list_key_rotations(KeyId=key, Limit=2, **more)
            listed += page["Rotations"]
            if not page["Truncated"]:
                break
            more = {"Marker": page["NextMarker"]}
        self.assertEqual([r["RotationType"] for r in listed], ["ON_DEMAND"] * 3)
        for _ in range(22):
            self.kms.rotate_key_on_demand(KeyId=key)
        self.refused("LimitExceededException", self.kms.rotate_key_on_demand, KeyId=key)

    def test_automatic(self):
        key = self.key()
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
        self.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        status = self.kms.get_key_rotation_status(KeyId=key)
        self.assertTrue(status["KeyRotationEnabled"])
        self.assertEqual(status["RotationPeriodInDays"], 90)
        self.kms.disable_key_rotation(KeyId=key)
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
        pair = self.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        self.refused("UnsupportedOperationException", self.kms.enable_key_rotation, KeyId=pair)


class Access(KmsTest):
    def test_policies(self):
        key = self.key()
        policy = self.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        self.assertEqual(json.loads(policy)["Statement"][0]["Principal"], {"AWS": ROOT})
        text = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*",
             "Condition": {"StringNotEquals": {"kms:EncryptionContext:stage": "test"}}}]})
        self.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
        self.assertEqual(self.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"], text)
        self.assertEqual(self.kms.list_key_policies(KeyId=key)["PolicyNames"], ["default"])
        blobs = {stage: self.kms.encrypt(KeyId=key, Plaintext=b"x",
                                         EncryptionContext={"stage": stage})["CiphertextBlob"]
                 for stage in ("test", "live")}
        self.kms.decrypt(CiphertextBlob=blobs["test"], EncryptionContext={"stage": "test"})
        self.refused("AccessDeniedException", self.kms.decrypt, CiphertextBlob=blobs["live"],
                     EncryptionContext={"stage": "live"})
        for bad in ("{}", "nonsense", text.replace("StringNotEquals", "IpAddress"),
                    text.replace("Effect", "Affect")):
            self.refused("MalformedPolicyDocumentException", self.kms.put_key_policy, KeyId=key,
                         PolicyName="default", Policy=bad)
        locked = text.replace('"kms:*"', '"kms:Encrypt"')
        self.refused("MalformedPolicyDocumentException", self.kms.put_key_policy, KeyId=key,
                     PolicyName="default", Policy=locked)

    def test_grants(self):
        only = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:user/owner"},
             "Action": "kms:*", "Resource": "*"}]})
        owner, guest = kms_client("owner"), kms_client("guest")
        self.addCleanup(owner.close)
        self.addCleanup(guest.close)
        key = owner.create_key(Policy=only)["KeyMetadata"]["KeyId"]
        context = {"store": "A"}
        blob = owner.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
        ask = {"CiphertextBlob": blob, "EncryptionContext": context}
        self.refused("AccessDeniedException", guest.decrypt, **ask)
        principal = "arn:aws:iam::000000000000:user/guest"
        made = owner.create_grant(KeyId=key, GranteePrincipal=principal, Operations=["Decrypt"],
                                  RetiringPrincipal=principal, Name="n",
                                  Constraints={"EncryptionContextSubset": context})
        self.assertEqual(guest.decrypt(GrantTokens=[made["GrantToken"]], **ask)["Plaintext"], b"x")
        again = owner.create_grant(KeyId=key, GranteePrincipal=principal, Operations=["Decrypt"],
                                   RetiringPrincipal=principal, Name="n",
                                   Constraints={"EncryptionContextSubset": context})
        self.assertEqual(again["GrantId"], made["GrantId"])
        other = owner.encrypt(KeyId=key, Plaintext=b"y")["CiphertextBlob"]
        self.refused("AccessDeniedException", guest.decrypt, CiphertextBlob=other)
        self.refused("AccessDeniedException", guest.encrypt, KeyId=key, Plaintext=b"x")
        listed = owner.list_grants(KeyId=key)["Grants"]
        self.assertEqual([(g["GrantId"], g["Operations"], g["Constraints"]) for g in listed],
                         [(made["GrantId"], ["Decrypt"], {"EncryptionContextSubset": context})])
        retirable = guest.list_retirable_grants(RetiringPrincipal=principal)["Grants"]
        self.assertIn(made["GrantId"], [g["GrantId"] for g in retirable])
        guest.retire_grant(GrantToken=made["GrantToken"])
        self.refused("AccessDeniedException", guest.decrypt, **ask)
        self.refused("InvalidGrantTokenException", owner.describe_key, KeyId=key,
                     GrantTokens=["nonsense"])
        made = owner.create_grant(KeyId=key, GranteePrincipal=principal, Operations=["Decrypt"])
        guest.decrypt(**ask)
        owner.revoke_grant(KeyId=key, GrantId=made["GrantId"])
        self.refused("AccessDeniedException", guest.decrypt, **ask)
        self.refused("NotFoundException", owner.revoke_grant, KeyId=key, GrantId=made["GrantId"])


class Import(KmsTest):
    def wrapped(self, key, material, algorithm="RSAES_OAEP_SHA_256", digest="sha256"):
        ready = self.kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm,
                                                   WrappingKeySpec="RSA_2048")
        public = os.path.join(self.folder(), "key.der")
        with open(public, "wb") as out:
            out.write(ready["PublicKey"])
        return {"ImportToken": ready["ImportToken"], "EncryptedKeyMaterial": openssl(
            "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", public,
            "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:" + digest,
            "-pkeyopt", "rsa_mgf1_md:" + digest, data=material)}

    def test_material(self):
        made = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
        key = made["KeyId"]
        self.assertEqual(made["KeyState"], "PendingImport")
        self.refused("KMSInvalidStateException", self.kms.encrypt, KeyId=key, Plaintext=b"x")
        material = os.urandom(32)
        once = self.wrapped(key, material)
        self.kms.import_key_material(KeyId=key, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
                                     **once)
        sealed = self.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        self.kms.delete_imported_key_material(KeyId=key)
        self.refused("KMSInvalidStateException", self.kms.decrypt, CiphertextBlob=sealed)
        self.refused("IncorrectKeyMaterialException", self.kms.import_key_material, KeyId=key,
                     ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
                     **self.wrapped(key, os.urandom(32)))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
        self.kms.import_key_material(KeyId=key, ValidTo=until,
                                     **self.wrapped(key, material, "RSAES_OAEP_SHA_1", "sha1"))
        data = self.kms.describe_key(KeyId=key)["KeyMetadata"]
        self.assertEqual(data["ExpirationModel"], "KEY_MATERIAL_EXPIRES")
        self.assertEqual(self.kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"x")
        self.refused("InvalidImportTokenException", self.kms.import_key_material, KeyId=key,
                     ImportToken=b"nonsense", EncryptedKeyMaterial=b"x",
                     ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        wrong = {**once, "EncryptedKeyMaterial": b"x" * 256}
        self.refused("InvalidCiphertextException", self.kms.import_key_material, KeyId=key,
                     ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE", **wrong)
        self.refused("UnsupportedOperationException", self.kms.get_parameters_for_import,
                     KeyId=self.key(), WrappingAlgorithm="RSAES_OAEP_SHA_256",
                     WrappingKeySpec="RSA_2048")


class Malformed(KmsTest):
    def ask(self, action, body, method="POST"):
        status, _, text = raw(body, method=method, headers={
            "X-Amz-Target": "TrentService." + action, "Content-Type": "application/x-amz-json-1.1"})
        return status, json.loads(text)["__type"]

    def test_calls(self):
        key = self.key()
        cases = [
            ("Nothing", b"{}", "UnknownOperationException"),
            ("ReplicateKey", b"{}", "UnsupportedOperationException"),
            ("Encrypt", b"", "ValidationException"),
            ("Encrypt", b"[]", "SerializationException"),
            ("Encrypt", b"{", "SerializationException"),
            ("Encrypt", b"\xff", "SerializationException"),
            ("Encrypt", b'{"KeyId": 7, "Plaintext": "eA=="}', "SerializationException"),
            ("Encrypt", json.dumps({"KeyId": key, "Plaintext": "!"}).encode(),
             "SerializationException"),
            ("Encrypt", json.dumps({"KeyId": key, "Plaintext": "eA==",
                                    "EncryptionContext": {"a": 1}}).encode(),
             "SerializationException"),
            ("Encrypt", json.dumps({"KeyId": "x" * 2049, "Plaintext": "eA=="}).encode(),
             "ValidationException"),
            ("DescribeKey", b'{"KeyId": ""}', "ValidationException"),
            ("ListKeys", b'{"Limit": 0}', "ValidationException"),
            ("ListKeys", b'{"Limit": 1001}', "ValidationException"),
            ("GenerateRandom", b'{"NumberOfBytes": 1025}', "ValidationException"),
            ("GenerateRandom", b"{}", "ValidationException"),
            ("Decrypt", b'{"CiphertextBlob": "AAAA"}', "InvalidCiphertextException"),
            ("CreateKey", b'{"KeySpec": "AES"}', "ValidationException"),
            ("ScheduleKeyDeletion", json.dumps({"KeyId": key, "PendingWindowInDays": 6}).encode(),
             "ValidationException"),
            ("Sign", json.dumps({"KeyId": key, "Message": "eA==",
                                 "SigningAlgorithm": "MD5"}).encode(), "ValidationException"),
        ]
        for action, body, wanted in cases:
            with self.subTest(action=action, body=body):
                status, kind = self.ask(action, body)
                self.assertEqual((status, kind), (400, wanted))

    def test_deep(self):
        body = b'{"KeyId":' + b"[" * 5000 + b"]" * 5000 + b"}"
        self.assertEqual(self.ask("DescribeKey", body), (400, "SerializationException"))
