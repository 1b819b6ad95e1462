// Attempts on the keys, through the key service at the inside port.
#include <doctest/doctest.h>

#include "attacks/bench.hpp"
#include "porteiro/base/bytes.hpp"

namespace porteiro::attacks {
namespace {

constexpr std::string_view locked = R"({"keys": {"vault": {}, "tokens": {"spec": "HMAC_256"}}})";
constexpr std::string_view opened = R"({
  "keys": {"vault": {}, "other": {}},
  "roles": {"keeper": {"allow": [{"do": "kms:*", "on": "vault"}]}},
  "developer": {"role": "keeper"}
})";

std::string name_of(const Answer& answer) { return answer.parsed().value("__type", ""); }

Answer kms(Bench& bench, const std::string& action, const json& body, std::string_view user = {}) {
  Headers headers;
  if (!user.empty()) {
    headers.push_back({"Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(user) +
                                            "/20260101/us-east-1/kms/aws4_request"});
  }
  return bench.aws("TrentService." + action, body, headers);
}

// A ciphertext that the inside made with a key of the config.
std::string inside_blob(Bench& bench, std::string_view key) {
  std::string blob;
  bench.emulator->kms().encrypt(key, "a secret of the inside", {}, Id{},
                                [&](Result<std::string> r) { blob = std::move(r.value()); });
  bench.pass(1s);
  return to_base64(blob);
}

std::string id_of(Bench& bench, std::string_view key) {
  return bench.emulator->kms().keyring().find_named(key)->id_text;
}

std::string new_key(Bench& bench, const json& more = json::object(), std::string_view user = {}) {
  const Answer answer = kms(bench, "CreateKey", more, user);
  REQUIRE_MESSAGE(answer.status == 200, answer.body);
  return answer.parsed()["KeyMetadata"]["KeyId"];
}

}  // namespace

TEST_CASE("attack: a key of the config is used, or looked for, without a role") {
  Bench bench(locked);
  const std::string id = id_of(bench, "vault");
  const std::string blob = inside_blob(bench, "vault");
  for (const std::string& name :
       {std::string("alias/vault"), id, "arn:aws:kms:us-east-1:000000000000:key/" + id}) {
    for (const char* action : {"DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus",
                               "ListResourceTags", "GetPublicKey"}) {
      const bool by_alias = name.starts_with("alias/") &&
                            std::string_view(action) != "DescribeKey" &&
                            std::string_view(action) != "GetPublicKey";
      CHECK(name_of(kms(bench, action, {{"KeyId", name}})) ==
            (by_alias ? "NotFoundException" : "AccessDeniedException"));
    }
    CHECK(name_of(kms(bench, "GenerateDataKey", {{"KeyId", name}, {"KeySpec", "AES_256"}})) ==
          "AccessDeniedException");
    CHECK(name_of(kms(bench, "Encrypt", {{"KeyId", name}, {"Plaintext", "eA=="}})) ==
          "AccessDeniedException");
  }
  CHECK(name_of(kms(bench, "Decrypt", {{"CiphertextBlob", blob}})) == "AccessDeniedException");
  CHECK(name_of(kms(
            bench, "GenerateMac",
            {{"KeyId", "alias/tokens"}, {"Message", "eA=="}, {"MacAlgorithm", "HMAC_SHA_256"}})) ==
        "AccessDeniedException");
  CHECK(kms(bench, "ListKeys", json::object()).parsed()["Keys"].empty());
  CHECK(kms(bench, "ListAliases", json::object()).parsed()["Aliases"].empty());
  CHECK(bench.denials().size() >= 10);
  CHECK_FALSE(bench.leaked("a secret of the inside"));
}

TEST_CASE(
    "attack: an access key that calls itself after the config's key, or the root, gets no more") {
  Bench bench(locked);
  for (const char* user : {"vault", "root", "developer", "porteiro"}) {
    CHECK(name_of(kms(bench, "DescribeKey", {{"KeyId", "alias/vault"}}, user)) ==
          "AccessDeniedException");
  }
}

TEST_CASE(
    "attack: a key of the config is deleted, disabled or opened to others by who may use it") {
  Bench bench(opened);
  const std::string id = id_of(bench, "vault");
  const json changes[] = {
      {"DisableKey", {}},
      {"ScheduleKeyDeletion", {}},
      {"RotateKeyOnDemand", {}},
      {"EnableKeyRotation", {}},
      {"UpdateKeyDescription", {{"Description", "mine"}}},
      {"TagResource", {{"Tags", json::array()}}},
      {"PutKeyPolicy", {{"Policy", "{}"}}},
      {"CreateGrant",
       {{"GranteePrincipal", "arn:aws:iam::000000000000:user/me"}, {"Operations", {"Decrypt"}}}}};
  for (const json& change : changes) {
    json body = change[1].is_null() ? json::object() : change[1];
    body["KeyId"] = id;
    CHECK(name_of(kms(bench, change[0], body)) == "UnsupportedOperationException");
  }
  CHECK(name_of(kms(bench, "DeleteAlias", {{"AliasName", "alias/vault"}})) ==
        "UnsupportedOperationException");
  CHECK(kms(bench, "Encrypt", {{"KeyId", "alias/vault"}, {"Plaintext", "eA=="}}).status == 200);
}

TEST_CASE("attack: an alias of the config's key is led to a key of one's own") {
  Bench bench(locked);
  const std::string mine = new_key(bench);
  CHECK(name_of(kms(bench, "UpdateAlias", {{"AliasName", "alias/vault"}, {"TargetKeyId", mine}})) ==
        "AccessDeniedException");
  CHECK(name_of(kms(bench, "CreateAlias", {{"AliasName", "alias/vault"}, {"TargetKeyId", mine}})) ==
        "AlreadyExistsException");
  CHECK(bench.emulator->kms().keyring().find_alias("alias/vault")->name == "vault");
}

TEST_CASE("attack: what a config's key sealed is sealed anew under a key of one's own") {
  Bench bench(locked);
  const json body = {{"CiphertextBlob", inside_blob(bench, "vault")},
                     {"DestinationKeyId", new_key(bench)}};
  CHECK(name_of(kms(bench, "ReEncrypt", body)) == "AccessDeniedException");
}

TEST_CASE("attack: the role for one key is used for another") {
  Bench bench(opened);
  const std::string blob = inside_blob(bench, "other");
  CHECK(name_of(kms(bench, "Decrypt", {{"CiphertextBlob", blob}})) == "AccessDeniedException");
  CHECK(name_of(kms(bench, "Decrypt", {{"CiphertextBlob", blob}, {"KeyId", "alias/vault"}})) ==
        "IncorrectKeyException");
}

TEST_CASE("attack: the box of one key is put behind the name of another") {
  Bench bench(opened);
  const std::string from = from_base64(inside_blob(bench, "other")).value();
  const std::string to = from_base64(inside_blob(bench, "vault")).value();
  // "other" and "vault" are equally long: version, name's length, name, version of the key.
  const std::size_t header = 1 + 4 + 5 + 4;
  const std::string mixed = to.substr(0, header) + from.substr(header);
  const Answer answer = kms(bench, "Decrypt", {{"CiphertextBlob", to_base64(mixed)}});
  CHECK(answer.body == R"({"__type":"InvalidCiphertextException","message":""})");
}

TEST_CASE("attack: a stranger decrypts with a grant that was for another, or is over") {
  Bench bench(locked);
  const json policy = {{"Statement",
                        {{{"Effect", "Allow"},
                          {"Principal", {{"AWS", "arn:aws:iam::000000000000:user/owner"}}},
                          {"Action", "kms:*"},
                          {"Resource", "*"}}}}};
  const std::string key = new_key(bench, {{"Policy", policy.dump()}}, "owner");
  const json sealed = {
      {"CiphertextBlob", kms(bench, "Encrypt", {{"KeyId", key}, {"Plaintext", "eA=="}}, "owner")
                             .parsed()["CiphertextBlob"]}};
  const json grant = kms(bench, "CreateGrant",
                         {{"KeyId", key},
                          {"GranteePrincipal", "arn:aws:iam::000000000000:user/guest"},
                          {"Operations", {"Decrypt"}}},
                         "owner")
                         .parsed();
  json with_token = sealed;
  with_token["GrantTokens"] = {grant["GrantToken"]};
  CHECK(kms(bench, "Decrypt", sealed, "guest").status == 200);
  CHECK(name_of(kms(bench, "Decrypt", with_token, "stranger")) == "AccessDeniedException");
  CHECK(name_of(kms(bench, "RetireGrant", {{"GrantToken", grant["GrantToken"]}}, "stranger")) ==
        "AccessDeniedException");
  CHECK(
      kms(bench, "RevokeGrant", {{"KeyId", key}, {"GrantId", grant["GrantId"]}}, "owner").status ==
      200);
  CHECK(name_of(kms(bench, "Decrypt", with_token, "guest")) == "InvalidGrantTokenException");
  CHECK(name_of(kms(bench, "Decrypt", sealed, "guest")) == "AccessDeniedException");
}

TEST_CASE("attack: a weaker algorithm, or another one than the key's, is asked for") {
  Bench bench(locked);
  const std::string pair =
      new_key(bench, {{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  const std::string mac =
      new_key(bench, {{"KeySpec", "HMAC_512"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}});
  CHECK(name_of(kms(bench, "Sign",
                    {{"KeyId", pair},
                     {"Message", "eA=="},
                     {"SigningAlgorithm", "RSASSA_PKCS1_V1_5_SHA_256"}})) ==
        "InvalidKeyUsageException");
  CHECK(name_of(kms(bench, "Verify",
                    {{"KeyId", mac},
                     {"Message", "eA=="},
                     {"Signature", "eA=="},
                     {"SigningAlgorithm", "ECDSA_SHA_256"}})) == "InvalidKeyUsageException");
  CHECK(name_of(kms(bench, "VerifyMac",
                    {{"KeyId", mac},
                     {"Message", "eA=="},
                     {"Mac", "eA=="},
                     {"MacAlgorithm", "HMAC_SHA_224"}})) == "InvalidKeyUsageException");
  CHECK(name_of(kms(bench, "Encrypt", {{"KeyId", pair}, {"Plaintext", "eA=="}})) ==
        "InvalidKeyUsageException");
}

TEST_CASE("attack: a key is named by a path, by bytes that are no text, or in another account") {
  Bench bench(locked);
  for (const std::string& name :
       {std::string("../keys/keys"), std::string("alias/../vault"),
        std::string("alias/vault\0x", 13), std::string("key/vault"),
        std::string("arn:aws:kms:us-east-1:000000000000:alias/../vault")}) {
    CHECK(name_of(kms(bench, "DescribeKey", {{"KeyId", name}})) == "NotFoundException");
  }
  CHECK(name_of(kms(bench, "DescribeKey",
                    {{"KeyId", "arn:aws:kms:us-east-1:111111111111:alias/vault"}})) ==
        "NotFoundException");
  CHECK(name_of(kms(bench, "DescribeKey", {{"KeyId", "arn:aws:s3:::vault"}})) ==
        "InvalidArnException");
}

TEST_CASE("attack: nothing of a key's material is in what anybody can look at") {
  Bench bench(opened);
  const std::string material(
      bench.emulator->kms().keyring().find_named("vault")->current().material.view());
  const std::string key = new_key(bench);
  kms(bench, "Encrypt", {{"KeyId", "alias/vault"}, {"Plaintext", to_base64("canary-plain")}});
  kms(bench, "Encrypt", {{"KeyId", key}, {"Plaintext", to_base64("canary-plain")}});
  for (const std::string& text : {material, to_base64(material), to_hex(material),
                                  std::string("canary-plain"), to_base64("canary-plain")}) {
    CHECK_FALSE(bench.leaked(text));
  }
}

}  // namespace porteiro::attacks
