// Goal: a condition of a key policy finds what the request has, under any spelling of its key's
// name, and nothing that the request does not have.
#include "unit/protocols/kms_client.hpp"

namespace porteiro::protocols::test {
namespace {

const char* const owner = "arn:aws:iam::000000000000:user/owner";
const char* const guest = "arn:aws:iam::000000000000:user/guest";

// Everything, and for everybody, but what `condition` holds for.
json denying(const json& condition) {
  const json all = {
      {"Effect", "Allow"}, {"Principal", "*"}, {"Action", "kms:*"}, {"Resource", "*"}};
  json denied = all;
  denied["Effect"] = "Deny";
  denied["Condition"] = condition;
  return {{"Statement", {all, denied}}};
}

// Everything for the owner; for the guest that action where `condition` holds.
json allowing(const char* action, const json& condition) {
  const json all = {
      {"Effect", "Allow"}, {"Principal", {{"AWS", owner}}}, {"Action", "kms:*"}, {"Resource", "*"}};
  json allowed = all;
  allowed["Principal"]["AWS"] = guest;
  allowed["Action"] = action;
  allowed["Condition"] = condition;
  return {{"Statement", {all, allowed}}};
}

std::string key_with(KmsClient& client, const json& policy, json more = json::object()) {
  more["Policy"] = policy.dump();
  return client.ok("CreateKey", more, "owner")["KeyMetadata"]["KeyId"];
}

}  // namespace

TEST_CASE("kms policy: the encryption algorithm is known to every action that encrypts") {
  KmsClient client;
  const json sealed = client.encrypted(client.new_key());
  const std::string key = key_with(
      client, denying({{"StringEquals", {{"kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT"}}}}));
  const auto refused = [&](const char* action, json body) {
    body["KeyId"] = key;
    return client.refused(action, body);
  };
  CHECK(refused("Encrypt", {{"Plaintext", "eA=="}}) == "AccessDeniedException");
  for (const char* action : {"GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}) {
    CHECK(refused(action, {{"KeySpec", "AES_256"}}) == "AccessDeniedException");
  }
  for (const char* action : {"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}) {
    CHECK(refused(action, {{"KeyPairSpec", "ECC_NIST_P256"}}) == "AccessDeniedException");
  }
  CHECK(client.refused("ReEncrypt", {{"CiphertextBlob", sealed["CiphertextBlob"]},
                                     {"DestinationKeyId", key}}) == "AccessDeniedException");
  client.ok("DescribeKey", {{"KeyId", key}});  // Has no algorithm.
  // Nor is it any other kind of algorithm.
  const std::string signing = key_with(
      client, denying({{"StringEquals", {{"kms:SigningAlgorithm", "SYMMETRIC_DEFAULT"}}}}));
  client.encrypted(signing);
}

TEST_CASE("kms policy: each side of ReEncrypt has its own algorithm") {
  KmsClient client;
  const json rsa = {{"KeySpec", "RSA_2048"}, {"KeyUsage", "ENCRYPT_DECRYPT"}};
  const char* const sha1 = "RSAES_OAEP_SHA_1";
  const char* const sha256 = "RSAES_OAEP_SHA_256";
  const std::string key =
      key_with(client, denying({{"StringEquals", {{"kms:EncryptionAlgorithm", sha1}}}}), rsa);
  const json body = {{"CiphertextBlob", client.encrypted(client.new_key())["CiphertextBlob"]},
                     {"DestinationKeyId", key}};
  json weak = body, good = body;
  weak["DestinationEncryptionAlgorithm"] = sha1;
  good["DestinationEncryptionAlgorithm"] = sha256;
  CHECK(client.refused("ReEncrypt", weak) == "AccessDeniedException");
  client.ok("ReEncrypt", good);
}

TEST_CASE("kms policy: the names of a condition's keys have no case") {
  KmsClient client;
  const auto refused = [&](const json& condition, const json& context) {
    const std::string key = key_with(client, denying(condition),
                                     {{"Tags", {{{"TagKey", "Team"}, {"TagValue", "a"}}}},
                                      {"BypassPolicyLockoutSafetyCheck", true}});
    return client.refused("Encrypt",
                          {{"KeyId", key}, {"Plaintext", "eA=="}, {"EncryptionContext", context}});
  };
  const std::pair<const char*, const char*> conditions[] = {{"KMS:encryptioncontext:STORE", "A"},
                                                            {"kms:ENCRYPTIONCONTEXTKEYS", "Store"},
                                                            {"Kms:Keyspec", "SYMMETRIC_DEFAULT"},
                                                            {"AWS:resourcetag/TEAM", "a"}};
  for (const auto& [name, value] : conditions) {
    CAPTURE(name);
    CHECK(refused({{"ForAnyValue:StringEquals", {{name, value}}}}, {{"Store", "A"}}) ==
          "AccessDeniedException");
  }
  // Whoever writes a name twice, in two ways, hides no value from a denial.
  CHECK(refused({{"StringEquals", {{"kms:EncryptionContext:store", "A"}}}},
                {{"Store", "A"}, {"store", "B"}}) == "AccessDeniedException");
}

TEST_CASE("kms policy: whether its author keeps control is asked in any case, too") {
  KmsClient client;
  json only = allowing("kms:Encrypt", json::object());
  only["Statement"][0]["Condition"] = {
      {"StringEquals", {{"KMS:CALLERACCOUNT", "000000000000"}, {"aws:principalarn", owner}}}};
  const std::string key = key_with(client, only);
  client.ok("PutKeyPolicy", {{"KeyId", key}, {"Policy", only.dump()}}, "owner");
  CHECK(client.refused("PutKeyPolicy", {{"KeyId", key}, {"Policy", only.dump()}}, "guest") ==
        "AccessDeniedException");
}

TEST_CASE("kms policy: who may give which grants is a matter of grantee, operations, and more") {
  KmsClient client;
  const char* const third = "arn:aws:iam::000000000000:user/third";
  const auto give = [&](const json& condition, json grant) {
    grant["KeyId"] = key_with(client, allowing("kms:CreateGrant", condition));
    const Reply reply = client.send("CreateGrant", grant.dump(), "guest");
    return reply.status == 200 ? "given" : reply.document().value("__type", "");
  };
  const json grant = {{"GranteePrincipal", third}, {"Operations", {"Decrypt", "Encrypt"}}};
  json retiring = grant, constrained = grant;
  retiring["RetiringPrincipal"] = owner;
  constrained["Constraints"] = {{"EncryptionContextSubset", {{"a", "b"}}}};
  const char* const denied = "AccessDeniedException";

  CHECK(give({{"StringEquals", {{"kms:GranteePrincipal", third}}}}, grant) == "given");
  CHECK(give({{"StringEquals", {{"kms:GranteePrincipal", guest}}}}, grant) == denied);
  const auto operations = [](const char* which, const json& names) {
    return json{{which, {{"kms:GrantOperations", names}}}};
  };
  const char* const all = "ForAllValues:StringEquals";
  CHECK(give(operations(all, {"Decrypt", "Encrypt", "Sign"}), grant) == "given");
  CHECK(give(operations(all, {"Decrypt"}), grant) == denied);
  CHECK(give(operations("StringEquals", {"Decrypt"}), grant) == denied);
  const char* const any = "ForAnyValue:StringEquals";
  CHECK(give(operations(any, {"Decrypt"}), grant) == "given");
  CHECK(give(operations(any, {"Sign"}), grant) == denied);
  CHECK(give({{"StringEquals", {{"kms:RetiringPrincipal", owner}}}}, retiring) == "given");
  CHECK(give({{"StringEquals", {{"kms:RetiringPrincipal", owner}}}}, grant) == denied);
  const json subset = {{"StringEquals", {{"kms:GrantConstraintType", "EncryptionContextSubset"}}}};
  CHECK(give(subset, constrained) == "given");
  CHECK(give(subset, grant) == denied);
  // What the grant will be bound to is what it is asked for.
  const auto context = [](const char* name, const char* value) {
    return json{{"StringEquals", {{name, value}}}};
  };
  CHECK(give(context("kms:EncryptionContext:a", "b"), constrained) == "given");
  CHECK(give(context("kms:EncryptionContext:a", "c"), constrained) == denied);
  CHECK(give(context("kms:EncryptionContext:a", "b"), grant) == denied);
  CHECK(give(context("kms:EncryptionContextKeys", "a"), constrained) == "given");
  CHECK(give(context("kms:EncryptionContextKeys", "x"), constrained) == denied);
  json both = constrained;
  both["Constraints"]["EncryptionContextEquals"] = {{"a", "c"}, {"x", "y"}};
  CHECK(give(context("kms:EncryptionContext:a", "b"), both) == denied);
}

// Goal: a constraint that counts as one binds something.
TEST_CASE("kms policy: empty and unknown constraints of a grant are refused") {
  KmsClient client;
  const std::string key = client.new_key();
  const auto refused = [&](const json& constraints) {
    return client.refused("CreateGrant", {{"KeyId", key},
                                          {"GranteePrincipal", guest},
                                          {"Operations", {"Decrypt"}},
                                          {"Constraints", constraints}});
  };
  const json empty = json::object(), some = {{"a", "b"}};
  const char* const wrong = "ValidationException";
  CHECK(refused({{"EncryptionContextSubset", empty}}) == wrong);
  CHECK(refused({{"EncryptionContextEquals", empty}}) == wrong);
  CHECK(refused({{"EncryptionContextEquals", some}, {"EncryptionContextSubset", empty}}) == wrong);
  CHECK(refused({{"SourceArn", "arn:aws:s3:::x"}}) == wrong);
  CHECK(refused({{"EncryptionContextEquals", some}, {"SourceArn", "arn:aws:s3:::x"}}) == wrong);
  CHECK(client.ok("ListGrants", {{"KeyId", key}})["Grants"].empty());
}

// Goal: a denial that could not hold for any request is told to its author, not kept.
TEST_CASE("kms policy: a condition on what no request has is refused") {
  KmsClient client;
  const std::string key = client.new_key();
  for (const char* name : {"kms:ViaService", "KMS:viaservice", "aws:SourceIp",
                           "kms:EncryptionContext:", "aws:ResourceTag/", "kms:EncryptionContexts",
                           "sts:ExternalId", ""}) {
    CAPTURE(name);
    const std::string policy = denying({{"StringEquals", {{name, "x"}}}}).dump();
    CHECK(client.refused("PutKeyPolicy", {{"KeyId", key}, {"Policy", policy}}) ==
          "MalformedPolicyDocumentException");
  }
}

TEST_CASE("kms policy: the type of a message can be asked for, and is RAW where none is named") {
  KmsClient client;
  const std::string key =
      key_with(client, denying({{"StringEquals", {{"kms:MessageType", "RAW"}}}}),
               {{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  json message = {{"KeyId", key},
                  {"Message", to_base64(std::string(32, 'x'))},
                  {"SigningAlgorithm", "ECDSA_SHA_256"}};
  CHECK(client.refused("Sign", message) == "AccessDeniedException");
  message["MessageType"] = "DIGEST";
  message["Signature"] = client.ok("Sign", message)["Signature"];
  client.ok("Verify", message);
  message["MessageType"] = "RAW";
  CHECK(client.refused("Verify", message) == "AccessDeniedException");
}

// Goal: what the key is like decides whether its author keeps control, as it will later.
TEST_CASE("kms policy: who denies himself by what the key is like is told so") {
  KmsClient client;
  const char* const malformed = "MalformedPolicyDocumentException";
  const std::pair<const char*, const char*> conditions[] = {{"kms:KeySpec", "ECC_NIST_P256"},
                                                            {"kms:KeyUsage", "SIGN_VERIFY"},
                                                            {"kms:KeyOrigin", "EXTERNAL"},
                                                            {"aws:ResourceTag/team", "a"}};
  const json like = {{"KeySpec", "ECC_NIST_P256"},
                     {"KeyUsage", "SIGN_VERIFY"},
                     {"Origin", "EXTERNAL"},
                     {"Tags", {{{"TagKey", "team"}, {"TagValue", "a"}}}}};
  const std::string key = client.ok("CreateKey", like, "owner")["KeyMetadata"]["KeyId"];
  const std::string other = client.new_key();
  for (const auto& [name, value] : conditions) {
    CAPTURE(name);
    json create = like;
    create["Policy"] = denying({{"StringEquals", {{name, value}}}}).dump();
    json put = {{"KeyId", key}, {"Policy", create["Policy"]}};
    CHECK(client.refused("CreateKey", create, "owner") == malformed);
    CHECK(client.refused("PutKeyPolicy", put, "owner") == malformed);
    put["KeyId"] = other;
    client.ok("PutKeyPolicy", put, "owner");  // It is not like that.
    create["BypassPolicyLockoutSafetyCheck"] = true;
    client.ok("CreateKey", create, "owner");
  }
  // The same by its ARN, which it has not yet.
  json named = denying({{"StringEquals", {{"kms:CallerAccount", "000000000000"}}}});
  named["Statement"][1]["Resource"] = "arn:aws:kms:us-east-1:000000000000:key/*";
  CHECK(client.refused("CreateKey", {{"Policy", named.dump()}}, "owner") == malformed);
  named["Statement"].erase(1);
  named["Statement"][0]["Resource"] = "arn:aws:kms:us-east-1:000000000000:key/*";
  client.ok("CreateKey", {{"Policy", named.dump()}}, "owner");
}

}  // namespace porteiro::protocols::test
