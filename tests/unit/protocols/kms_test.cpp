#include "unit/protocols/kms_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

const json context = {{"store", "A"}};

std::string arn_of(const std::string& key) {
  return "arn:aws:kms:us-east-1:000000000000:key/" + key;
}

KmsClient::Setup with_role(std::vector<access::Rule> rules) {
  KmsClient::Setup setup;
  setup.roles = {{"keeper", std::move(rules)}};
  return setup;
}

}  // namespace

TEST_CASE(
    "kms service: what a key encrypts it decrypts, after a restart too, in its context only") {
  KmsClient::Setup setup;
  json sealed;
  std::string key;
  {
    KmsClient client(setup);
    key = client.new_key({{"Description", "orders"}});
    client.ok("CreateAlias", {{"AliasName", "alias/orders"}, {"TargetKeyId", key}});
    sealed = client.encrypted("alias/orders", context);
  }
  setup.seed = 2;
  KmsClient client(setup);
  const json opened = client.ok("Decrypt", sealed);
  CHECK(opened["Plaintext"] == to_base64("secret"));
  CHECK(opened["KeyId"] == arn_of(key));
  CHECK(client.ok("DescribeKey", {{"KeyId", "alias/orders"}})["KeyMetadata"]["Description"] ==
        "orders");
  sealed["EncryptionContext"] = {{"store", "B"}};
  CHECK(client.refused("Decrypt", sealed) == "InvalidCiphertextException");
  sealed.erase("EncryptionContext");
  CHECK(client.refused("Decrypt", sealed) == "InvalidCiphertextException");
}

TEST_CASE("kms service: states forbid what they forbid") {
  KmsClient client;
  const std::string key = client.new_key();
  const json sealed = client.encrypted(key);
  client.ok("DisableKey", {{"KeyId", key}});
  CHECK(client.refused("Decrypt", sealed) == "DisabledException");
  client.ok("EnableKey", {{"KeyId", key}});
  client.ok("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}});
  CHECK(client.refused("Decrypt", sealed) == "KMSInvalidStateException");
  CHECK(client.refused("CreateAlias", {{"AliasName", "alias/x"}, {"TargetKeyId", key}}) ==
        "KMSInvalidStateException");
  client.world.scheduler.run_for(24h * 7 + 1s);
  CHECK(client.refused("DescribeKey", {{"KeyId", key}}) == "NotFoundException");
  CHECK(client.refused("Decrypt", sealed) == "AccessDeniedException");
}

// Goal: nobody learns from an answer whether the context, the key or a byte was wrong.
TEST_CASE("kms service: ciphertexts that do not open are refused alike, without a word") {
  KmsClient client;
  const std::string key = client.new_key();
  const json sealed = client.encrypted(key, context);
  const std::string blob = from_base64(sealed["CiphertextBlob"].get<std::string>()).value();
  std::set<std::string> answers;
  for (const std::size_t at :
       {std::size_t{0}, blob.size() - 1, blob.size() - 20, std::size_t{18}}) {
    std::string changed = blob;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    answers.insert(
        client
            .send(
                "Decrypt",
                json{{"CiphertextBlob", to_base64(changed)}, {"EncryptionContext", context}}.dump())
            .body);
  }
  answers.insert(client.send("Decrypt", json{{"CiphertextBlob", to_base64(blob)}}.dump()).body);
  CHECK(answers ==
        std::set<std::string>{R"({"__type":"InvalidCiphertextException","message":""})"});
}

TEST_CASE(
    "kms service: the config's keys obey the role, each denial is told, nobody changes them") {
  KmsClient client(with_role({{"kms:Encrypt", "vault"}, {"kms:Decrypt", "vault"}}));
  const json sealed = client.encrypted("alias/vault", context);
  CHECK(client.ok("Decrypt", sealed)["Plaintext"] == to_base64("secret"));
  CHECK(client.refused("DescribeKey", {{"KeyId", "alias/vault"}}) == "AccessDeniedException");
  CHECK(client.refused("Encrypt", {{"KeyId", "alias/books"}, {"Plaintext", "eA=="}}) ==
        "AccessDeniedException");
  CHECK(client.decisions.denials ==
        std::vector<std::string>{"developer kms:DescribeKey vault", "developer kms:Encrypt books"});
  const json listed = client.ok("ListAliases", json::object())["Aliases"];
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["AliasName"] == "alias/vault");
  CHECK(client.ok("ListKeys", json::object())["Keys"].size() == 1);
  client.who.role = {};
  CHECK(client.refused("Decrypt", sealed) == "AccessDeniedException");
  CHECK(client.ok("ListKeys", json::object())["Keys"].empty());
}

TEST_CASE("kms service: a function reaches clients' keys only by a rule for all") {
  KmsClient client(with_role({{"kms:Decrypt", "vault"}}));
  const std::string key = client.new_key();
  const json sealed = client.encrypted(key);
  client.who = {.name = "f", .role = "keeper"};
  const json requests[] = {{"CreateKey", json::object()},
                           {"Decrypt", sealed},
                           {"Encrypt", {{"KeyId", key}, {"Plaintext", "eA=="}}},
                           {"ScheduleKeyDeletion", {{"KeyId", key}}},
                           {"DescribeKey", {{"KeyId", key}}},
                           {"ListRetirableGrants", {{"RetiringPrincipal", "x"}}},
                           {"RetireGrant", {{"KeyId", key}, {"GrantId", "x"}}}};
  for (const json& each : requests) {
    CAPTURE(each[0].get<std::string>());
    CHECK(client.refused(each[0], each[1]) == "AccessDeniedException");
    CHECK(client.decisions.denials.back() == "f kms:" + each[0].get<std::string>() + " *");
  }
  CHECK(client.ok("ListKeys", json::object())["Keys"].size() == 1);  // The config's.
  access::Rule in_context{"kms:Decrypt", "*"};
  in_context.context = context.get<access::Context>();
  KmsClient narrow(with_role({in_context, {"kms:ReEncryptFrom", "*"}, {"kms:ReEncryptTo", "*"}}));
  const std::string one = narrow.new_key(), two = narrow.new_key();
  const json with = narrow.encrypted(one, context), without = narrow.encrypted(one);
  narrow.who = {.name = "f", .role = "keeper"};
  CHECK(narrow.ok("Decrypt", with)["Plaintext"] == to_base64("secret"));
  CHECK(narrow.refused("Decrypt", without) == "AccessDeniedException");
  json again = without;
  again["DestinationKeyId"] = two;
  narrow.ok("ReEncrypt", again);
  CHECK(narrow.ok("ListKeys", json::object())["Keys"].size() == 4);  // The config's, too: "*".
  KmsClient other(with_role({{"kms:*", "*"}}));
  other.who = {.name = "f", .role = "keeper"};
  CHECK(other.ok("Decrypt", other.encrypted(other.new_key()))["Plaintext"] == to_base64("secret"));
  CHECK(other.ok("ListKeys", json::object())["Keys"].size() == 3);
}

TEST_CASE("kms service: a rule's context and purpose are demanded") {
  access::Rule in_context{"kms:Encrypt", "vault"};
  in_context.context = {{"store", "A"}};
  access::Rule for_credit{"kms:Encrypt", "books"};
  for_credit.purposes = {"credit"};
  KmsClient client(with_role({in_context, for_credit}));
  const auto encrypt = [](const char* key, const json& with) {
    return json{{"KeyId", key}, {"Plaintext", "eA=="}, {"EncryptionContext", with}};
  };
  client.ok("Encrypt", encrypt("alias/vault", {{"store", "A"}, {"more", "1"}}));
  CHECK(client.refused("Encrypt", encrypt("alias/vault", {{"store", "B"}})) ==
        "AccessDeniedException");
  CHECK(client.refused("Encrypt", encrypt("alias/vault", json::object())) ==
        "AccessDeniedException");
  CHECK(client.refused("Encrypt", encrypt("alias/books", json::object())) ==
        "AccessDeniedException");
  client.purpose = "credit";
  client.ok("Encrypt", encrypt("alias/books", json::object()));
  client.who.zone = access::Zone::public_zone;
  CHECK(client.refused("Encrypt", encrypt("alias/books", json::object())) ==
        "AccessDeniedException");
}

TEST_CASE("kms service: not even a role that may do all changes a key of the config") {
  KmsClient client(with_role({{"kms:*", "*"}}));
  const std::string key = client.ring->keyring().find_named("vault")->id_text;
  const json name = {{"KeyId", key}};
  for (const char* action : {"DisableKey", "ScheduleKeyDeletion", "EnableKeyRotation",
                             "RotateKeyOnDemand", "CancelKeyDeletion", "EnableKey"}) {
    CHECK(client.refused(action, name) == "UnsupportedOperationException");
  }
  const json more[] = {
      {"PutKeyPolicy", {{"Policy", "{}"}}},
      {"UpdateKeyDescription", {{"Description", "x"}}},
      {"TagResource", {{"Tags", json::array()}}},
      {"CreateGrant", {{"GranteePrincipal", "arn:x"}, {"Operations", {"Decrypt"}}}}};
  for (const json& each : more) {
    json body = each[1];
    body["KeyId"] = key;
    CHECK(client.refused(each[0], body) == "UnsupportedOperationException");
  }
  CHECK(client.refused("DeleteAlias", {{"AliasName", "alias/vault"}}) ==
        "UnsupportedOperationException");
  CHECK(client.refused("UpdateAlias",
                       {{"AliasName", "alias/vault"}, {"TargetKeyId", client.new_key()}}) ==
        "UnsupportedOperationException");
  CHECK(client.refused("CreateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", key}}) ==
        "UnsupportedOperationException");
}

TEST_CASE("kms service: what the inside encrypts a role that may opens through the service") {
  KmsClient client(with_role({{"kms:Decrypt", "vault"}}));
  std::string blob;
  client.ring->encrypt("vault", "secret", {{"store", "A"}}, Id{},
                       [&](Result<std::string> r) { blob = r.value(); });
  client.world.scheduler.run_for(0s);
  const json sealed = {{"CiphertextBlob", to_base64(blob)}, {"EncryptionContext", context}};
  CHECK(client.ok("Decrypt", sealed)["Plaintext"] == to_base64("secret"));
}

TEST_CASE("kms service: a policy allows whom it names, and a denial in it goes before everything") {
  KmsClient client;
  const auto statement = [](const char* effect, const char* who, const json& action) {
    return json{
        {"Effect", effect}, {"Principal", {{"AWS", who}}}, {"Action", action}, {"Resource", "*"}};
  };
  const char* owner = "arn:aws:iam::000000000000:user/owner";
  const json policy = {{"Version", "2012-10-17"},
                       {"Statement",
                        {statement("Allow", owner, "kms:*"),
                         statement("Deny", "*", {"kms:ScheduleKeyDeletion", "kms:Disable*"})}}};
  const json made = client.ok("CreateKey", {{"Policy", policy.dump()}}, "owner");
  const std::string key = made["KeyMetadata"]["KeyId"];
  const json body = {{"KeyId", key}, {"Plaintext", "eA=="}};
  client.ok("Encrypt", body, "owner");
  CHECK(client.refused("Encrypt", body, "other") == "AccessDeniedException");
  CHECK(client.refused("Encrypt", body) == "AccessDeniedException");
  CHECK(client.refused("DisableKey", {{"KeyId", key}}, "owner") == "AccessDeniedException");
  CHECK(client.decisions.denials.size() == 3);
  CHECK(client.decisions.denials[0] == "developer kms:Encrypt client-keys");
  CHECK(client.refused("CreateKey", {{"Policy", policy.dump()}}, "other") ==
        "MalformedPolicyDocumentException");
}

TEST_CASE("kms service: a grant gives what it names, in its context, until it ends") {
  KmsClient client;
  const json policy = {{"Statement",
                        {{{"Effect", "Allow"},
                          {"Principal", {{"AWS", "arn:aws:iam::000000000000:user/owner"}}},
                          {"Action", "kms:*"},
                          {"Resource", "*"}}}}};
  const std::string key =
      client.ok("CreateKey", {{"Policy", policy.dump()}}, "owner")["KeyMetadata"]["KeyId"];
  const auto seal = [&](const json& in) {
    const json body = {{"KeyId", key}, {"Plaintext", "eA=="}, {"EncryptionContext", in}};
    return json{{"CiphertextBlob", client.ok("Encrypt", body, "owner")["CiphertextBlob"]},
                {"EncryptionContext", in}};
  };
  const json exact = seal(context), more = seal({{"store", "A"}, {"x", "y"}});
  json grant = {{"KeyId", key},
                {"GranteePrincipal", "arn:aws:iam::000000000000:user/guest"},
                {"Operations", {"Decrypt", "CreateGrant"}},
                {"Constraints", {{"EncryptionContextEquals", context}}}};
  CHECK(client.refused("Decrypt", exact, "guest") == "AccessDeniedException");
  const json made = client.ok("CreateGrant", grant, "owner");
  client.ok("Decrypt", exact, "guest");
  CHECK(client.refused("Decrypt", more, "guest") == "AccessDeniedException");
  CHECK(client.refused("DescribeKey", {{"KeyId", key}}, "guest") == "AccessDeniedException");
  grant["GranteePrincipal"] = "arn:aws:iam::000000000000:user/third";
  grant["Operations"] = {"Encrypt"};
  CHECK(client.refused("CreateGrant", grant, "guest") == "AccessDeniedException");
  client.ok("RevokeGrant", {{"KeyId", key}, {"GrantId", made["GrantId"]}}, "owner");
  CHECK(client.refused("Decrypt", exact, "guest") == "AccessDeniedException");
}

TEST_CASE("kms service: calls are counted, by key and operation, and by action and error") {
  KmsClient client;
  const std::string key = client.new_key();
  client.encrypted(key);
  client.encrypted(key);
  CHECK(client.refused("Decrypt", {{"CiphertextBlob", "AAAA"}}) == "InvalidCiphertextException");
  auto& telemetry = client.telemetry;
  CHECK(telemetry.counter("porteiro_kms_calls_total", "key=\"client-keys\",op=\"encrypt\"") == 2);
  CHECK(telemetry.counter("porteiro_kms_requests_total", "action=\"Encrypt\",error=\"\"") == 2);
  CHECK(telemetry.counter("porteiro_kms_requests_total",
                          "action=\"Decrypt\",error=\"InvalidCiphertextException\"") == 1);
}

TEST_CASE("kms service: modelled calls take as long as the model says") {
  KmsClient::Setup setup;
  setup.latency = {27ms, 80ms};
  KmsClient client(setup);
  const std::string key = client.new_key();
  const Time before = client.world.scheduler.now();
  client.encrypted(key);
  const Duration took = client.world.scheduler.now() - before;
  CHECK(took >= 13ms);
  CHECK(took <= 120ms);
}

TEST_CASE("kms service: a fault that disables a key is told as AWS tells it") {
  struct Disabling final : Faults {
    Fault strike(FaultPoint, std::string_view) override { return {Fault::Kind::disable_key}; }
  } disabling;
  KmsClient client;
  const std::string key = client.new_key();
  const json sealed = client.encrypted(key);
  client.environment.faults = &disabling;
  CHECK(client.refused("Decrypt", sealed) == "DisabledException");
  client.environment.faults = nullptr;
  client.ok("Decrypt", sealed);
}

TEST_CASE("kms service: signed requests are verified when the config says so") {
  KmsClient::Setup setup;
  setup.aws.verify_signatures = true;
  setup.aws.credentials = {{"AKID", "secret"}};
  KmsClient client(setup);
  CHECK(
      client.refused("ListKeys", json::object()).ends_with("MissingAuthenticationTokenException"));
  CHECK(client.refused("ListKeys", json::object(), "other").ends_with("Exception"));
}

TEST_CASE("kms service: a reset leaves the config's keys, and nothing of clients") {
  KmsClient client(with_role({{"kms:*", "*"}}));
  const std::string key = client.new_key();
  client.ok("CreateAlias", {{"AliasName", "alias/mine"}, {"TargetKeyId", key}});
  const json sealed = client.encrypted("alias/vault");
  bool done = false;
  client.service->reset([&](const Result<void>& r) { done = r.has_value(); });
  client.world.scheduler.run_for(0s);
  CHECK(done);
  CHECK(client.refused("DescribeKey", {{"KeyId", key}}) == "NotFoundException");
  CHECK(client.ok("ListAliases", json::object())["Aliases"].size() == 2);
  client.ok("Decrypt", sealed);
}
