// Goal: each way to show who one is lets in the clients that the config names, with their scopes,
// and nobody else; what is refused is told once, and says nothing that helps.
#include <nlohmann/json.hpp>

#include "fixture.hpp"
#include "gateway/core.hpp"
#include "porteiro/identity/digest.hpp"
#include "unit/identity/test_keys.hpp"

namespace porteiro::gateway {
namespace {

using identity::TestKey;
using virtual_world::World;

const std::string person = "/v1/people/" + cpf;
const std::string moved = person + "/movements";

// The signature of a request, made here by the rules of AWS, apart from the code that verifies.
struct Signer {
  std::string access_key = "AKIDEXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  std::string region = "us-east-1", service = "execute-api", host = "api.example";
  Time at{};

  std::string time() const {  // 20150830T123600Z
    std::string text = to_rfc3339(at).substr(0, 19) + "Z";
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
  }
  std::string scope() const {
    return time().substr(0, 8) + "/" + region + "/" + service + "/aws4_request";
  }
  std::string signature(const std::string& canonical) const {
    std::string key = "AWS4" + secret;
    for (const std::string& part :
         {time().substr(0, 8), region, service, std::string("aws4_request")}) {
      key = identity::hmac_sha256(key, part);
    }
    return to_hex(identity::hmac_sha256(key, "AWS4-HMAC-SHA256\n" + time() + "\n" + scope() + "\n" +
                                                 identity::sha256_hex(canonical)));
  }
  Headers headers(const std::string& method, const std::string& path,
                  const std::string& body = {}) const {
    const std::string canonical = method + "\n" + path + "\n\nhost:" + host +
                                  "\nx-amz-date:" + time() + "\n\nhost;x-amz-date\n" +
                                  identity::sha256_hex(body);
    return {{"Host", host},
            {"X-Amz-Date", time()},
            {"Authorization",
             "AWS4-HMAC-SHA256 Credential=" + access_key + "/" + scope() +
                 ", SignedHeaders=host;x-amz-date, Signature=" + signature(canonical)}};
  }
  std::string presigned(const std::string& path, int expires_s) const {
    const std::string query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
                              percent_encode(access_key + "/" + scope()) + "&X-Amz-Date=" + time() +
                              "&X-Amz-Expires=" + std::to_string(expires_s) +
                              "&X-Amz-SignedHeaders=host";
    return path + "?" + query + "&X-Amz-Signature=" +
           signature("GET\n" + path + "\n" + query + "\nhost:" + host + "\n\nhost\n" +
                     identity::sha256_hex(""));
  }
};

const TestKey& issuer_key() {
  static const TestKey key = TestKey::ec();
  return key;
}

std::string token(const World& world, const std::string& subject, const std::string& more = {},
                  Duration lasts = 60s) {
  const auto now =
      std::chrono::floor<std::chrono::seconds>((world.scheduler.now() + lasts).time_since_epoch());
  return issuer_key().token(R"({"alg":"ES256","kid":"k1"})",
                            R"({"iss":"https://idp.example","aud":"porteiro","sub":")" + subject +
                                R"(","exp":)" + std::to_string(now.count()) + more + "}");
}
Headers bearing(const std::string& text) { return {{"Authorization", "Bearer " + text}}; }

Options with_all() {
  Options options = example();
  Client signer{"batch", "", {"people"}};
  signer.signer = identity::Credential{"AKIDEXAMPLE", Signer{}.secret};
  Client partner{"partner", "", {"people", "trail"}};
  partner.token = TokenOwner{"idp", "partner-1"};
  Client anyone{"staff", "", {"trail"}};
  anyone.token = TokenOwner{"idp", ""};
  Client bank{"bank", "", {"people"}};
  bank.certificate = CertificateOwner{"CN=bank", ""};
  Client branch{"branch", "", {"trail"}};
  branch.certificate = CertificateOwner{"", std::string(64, 'a')};
  for (Client& client : std::vector<Client>{signer, partner, anyone, bank, branch}) {
    options.clients.push_back(std::move(client));
  }
  options.issuers = {
      {"idp", "https://idp.example", "porteiro", "keys.json", issuer_key().set("k1")}};
  options.lockout = {.failures = 5, .within = 60s, .time = 30s};
  return options;
}

std::size_t told(const House& house, const std::string& what) {
  const auto& list = house.denials.list;
  return static_cast<std::size_t>(std::count_if(list.begin(), list.end(), [&](const auto& line) {
    return line.find(what) != std::string::npos;
  }));
}

// Counts the work that goes off the loop.
struct CountingOffload final : Offload {
  explicit CountingOffload(Offload& under_) : under(under_) {}
  Lane lane(std::string_view name) override { return under.lane(name); }
  void run(Lane lane, Task work, Task done) override {
    ++count;
    under.run(lane, std::move(work), std::move(done));
  }
  Offload& under;
  int count = 0;
};

}  // namespace

TEST_CASE("door: a signed request comes from the client with that access key") {
  World world;
  House house(world, with_all());
  Signer signer{.at = world.scheduler.now()};
  house.ask("GET", person, signer.headers("GET", person));
  CHECK(house.serve("fast", replied(200, "{}")).principal == "batch");
  house.ask("GET", signer.presigned(person, 60), {{"Host", signer.host}});
  CHECK(house.serve("fast", replied(200, "{}")).principal == "batch");
  // It has one scope, not the other.
  CHECK(house.ask("POST", moved, signer.headers("POST", moved))->status() == 403);
  CHECK(told(house, "batch: a request to POST /v1/people/{cpf}/movements was refused") == 1);
  const std::string echo = "/v1/echo";
  house.ask("POST", echo, signer.headers("POST", echo, "{\"a\":1}"), "{\"a\":1}");
  CHECK(house.serve("fast", replied(200, "{}")).principal == "batch");
}

TEST_CASE("door: a signature counts for five minutes, one request, one service, one secret") {
  World world;
  Options options = with_all();
  options.lockout.failures = 0;
  House house(world, std::move(options));
  const Time now = world.scheduler.now();
  Signer signer{.at = now};
  const auto status = [&](const Signer& by) {
    const Asked asked = house.ask("GET", person, by.headers("GET", person));
    if (asked->count == 0) house.serve("fast", replied(200, "{}"));
    return asked->status();
  };
  signer.at = now - 5min;
  CHECK(status(signer) == 200);
  signer.at = now + 5min;
  CHECK(status(signer) == 200);
  signer.at = now - 5min - 1s;
  CHECK(status(signer) == 401);
  CHECK(house.ask("GET", person, signer.headers("GET", person))->response.body.find("clock") !=
        std::string::npos);
  signer.at = now + 5min + 1s;
  CHECK(status(signer) == 401);
  signer.at = now;
  for (const Signer& other :
       {Signer{.access_key = "AKIDOTHER", .at = now}, Signer{.secret = "another secret", .at = now},
        Signer{.region = "eu-west-1", .at = now}, Signer{.service = "sqs", .at = now}}) {
    CHECK(status(other) == 401);
  }
  // Other requests under the signature of one.
  const Headers good = signer.headers("GET", person);
  CHECK(house.ask("GET", "/v1/people/52998224725", good)->status() == 401);
  CHECK(house.ask("GET", person + "?a=1", good)->status() == 401);
  CHECK(house.ask("HEAD", person, good)->status() == 401);
  CHECK(house.ask("GET", person, good, "{}")->status() == 401);
  Headers elsewhere = good;
  elsewhere[0].second = "other.example";
  CHECK(house.ask("GET", person, elsewhere)->status() == 401);
  // What has the same canonical path and is another route.
  CHECK(house.ask("GET", "/v1/people/x/../" + cpf, good)->status() == 400);
  CHECK(house.ask("GET", "/v1//people/" + cpf, good)->status() == 404);
  // A presigned URL is over when it says.
  const std::string target = signer.presigned(person, 60);
  world.scheduler.run_for(61s);
  CHECK(house.ask("GET", target, {{"Host", signer.host}})->status() == 401);
  CHECK(house.depth("fast") == 0);
  for (const std::string& line : house.denials.list) {
    CHECK(line.starts_with("anonymous: a request to "));
    CHECK(line.find("AKID") == std::string::npos);
  }
}

TEST_CASE("door: a token names its client, and narrows its scopes") {
  World world;
  House house(world, with_all());
  const std::string own = token(world, "partner-1");
  house.ask("GET", person, bearing(own));
  house.run();
  CHECK(house.serve("fast", replied(200, "{}")).principal == "partner");
  const auto status = [&](const std::string& method, const std::string& target,
                          const std::string& text) {
    const Asked asked = house.ask(method, target, bearing(text));
    house.run();
    if (asked->count == 0) house.serve("fast", replied(200, "{}"));
    return asked->status();
  };
  CHECK(status("POST", moved, own) == 200);
  const std::string narrow = token(world, "partner-1", R"(,"scope":"trail other")");
  CHECK(status("POST", moved, narrow) == 200);
  CHECK(status("GET", person, narrow) == 403);
  CHECK(status("GET", person, narrow) == 403);  // From memory, too.
  CHECK(status("GET", person, token(world, "partner-1", R"(,"scope":"")")) == 403);
  // Whoever else the issuer vouches for has the scopes that his token names, among the client's.
  CHECK(status("POST", moved, token(world, "ana")) == 403);
  CHECK(status("POST", moved, token(world, "ana", R"(,"scope":"trail people")")) == 200);
  CHECK(status("GET", person, token(world, "ana", R"(,"scope":"trail people")")) == 403);
}

TEST_CASE("door: a token is verified once, and not remembered beyond its end") {
  World world;
  CountingOffload offload(world.offload);
  Setup setup;
  setup.offload = &offload;
  House house(world, with_all(), setup);
  const std::string own = token(world, "partner-1", {}, 10s);
  const auto status = [&] {
    const Asked asked = house.ask("GET", person, bearing(own));
    house.run();
    if (asked->count == 0) house.serve("fast", replied(200, "{}"));
    return asked->status();
  };
  const int before = offload.count;
  CHECK(status() == 200);
  CHECK(offload.count == before + 1);
  for (int i = 0; i < 10; ++i) CHECK(status() == 200);
  CHECK(offload.count == before + 1);
  house.gateway->reset();
  CHECK(status() == 200);
  CHECK(offload.count == before + 2);
  world.scheduler.run_for(10s);
  CHECK(status() == 401);
  CHECK(offload.count == before + 2);  // That it was right is still known.
  CHECK(told(house, "the token has expired") == 1);
}

// Goal: a wrong clock and a token that has just expired are no attack; a forged one is, whatever
// time it names.
TEST_CASE("door: who is right but not at this time is refused and never locked out") {
  World world;
  House house(world, with_all());
  const Time now = world.scheduler.now();
  const auto status = [&](const std::string& target, const Headers& headers) {
    const Asked asked = house.ask("GET", target, headers);
    house.run();
    if (asked->count == 0) house.serve("fast", replied(200, "{}"));
    return asked->status();
  };
  const Signer slow{.at = now - 1h}, fast{.at = now + 1h}, right{.at = now};
  const std::string over = Signer{.at = now - 10min}.presigned(person, 60);
  const std::string expired = token(world, "partner-1", {}, -1s);
  const std::string early = token(
      world, "partner-1",
      ",\"nbf\":" + std::to_string((now + 120s).time_since_epoch() / std::chrono::seconds(1)));
  for (int i = 0; i < 6; ++i) {
    CHECK(status(person, slow.headers("GET", person)) == 401);
    CHECK(status(person, fast.headers("GET", person)) == 401);
    CHECK(status(over, {{"Host", slow.host}}) == 401);
    CHECK(status(person, bearing(expired)) == 401);
    CHECK(status(person, bearing(early)) == 401);
  }
  CHECK(told(house, "locked out") == 0);
  CHECK(told(house, "the token has expired") == 6);
  CHECK(told(house, "the token is for a time to come") == 6);
  CHECK(status(person, right.headers("GET", person)) == 200);
  CHECK(status(person, bearing(token(world, "partner-1"))) == 200);
  // With a signature that is not right the time excuses nothing.
  const std::string forged =
      TestKey::ec().token(R"({"alg":"ES256","kid":"k1"})",
                          from_base64url(expired.substr(expired.find('.') + 1,
                                                        expired.rfind('.') - expired.find('.') - 1))
                              .value());
  const Signer guesser{.secret = "guessed", .at = now - 1h};
  for (int i = 0; i < 3; ++i) CHECK(status(person, bearing(forged)) == 401);
  for (int i = 0; i < 2; ++i) CHECK(status(person, guesser.headers("GET", person)) == 401);
  CHECK(status(person, lender) == 429);
}

TEST_CASE("door: an expired token is verified once") {
  World world;
  CountingOffload offload(world.offload);
  Setup setup;
  setup.offload = &offload;
  House house(world, with_all(), setup);
  const int before = offload.count;
  const std::string same = token(world, "partner-1", {}, -1s);
  for (int i = 0; i < 3; ++i) {
    const Asked asked = house.ask("GET", person, bearing(same));
    house.run();
    CHECK(asked->status() == 401);
  }
  CHECK(offload.count == before + 1);
}

TEST_CASE("door: a token of somebody else, or changed, lets nobody in") {
  World world;
  Options options = with_all();
  options.clients.erase(options.clients.begin() + 4);  // Nobody without a name.
  options.lockout.failures = 0;
  House house(world, std::move(options));
  const std::string own = token(world, "partner-1");
  const std::string forged = TestKey::ec().token(
      R"({"alg":"ES256","kid":"k1"})",
      from_base64url(own.substr(own.find('.') + 1, own.rfind('.') - own.find('.') - 1)).value());
  const auto status = [&](const Headers& headers) {
    const Asked asked = house.ask("GET", person, headers);
    house.run();
    if (asked->status() == 401) {
      CHECK(asked->response.body.find("partner") == std::string::npos);
    }
    return asked->status();
  };
  CHECK(status(bearing(forged)) == 401);
  CHECK(told(house,
             "anonymous: a request to GET /v1/people/{cpf} was refused: the signature of the "
             "token does not match") == 1);
  CHECK(status(bearing(own.substr(0, own.size() - 2) + "AA")) == 401);
  CHECK(status(bearing(token(world, "nobody"))) == 401);
  CHECK(status(bearing("a.b.c")) == 401);
  CHECK(status(bearing(std::string(20'000, 'x'))) == 401);
  CHECK(status({{"X-Api-Key", own}}) == 401);  // A token is no API key.
  CHECK(house.ask("GET", person, bearing("a.b.c"))->header("WWW-Authenticate") ==
        "Bearer realm=\"porteiro\", error=\"invalid_token\"");
  CHECK(house.depth("fast") == 0);
}

TEST_CASE("door: without a key set no token is taken, and a bad one is an error at the start") {
  World world;
  Options options = with_all();
  options.issuers[0].keys.clear();
  {
    House house(world, options);
    CHECK(house.ask("GET", person, bearing(token(world, "partner-1")))->status() == 401);
  }
  options.issuers[0].keys = "{}";
  virtual_world::SeededEntropy entropy(1);
  Admission admission = Admission::create(options.clients, {}, entropy).value();
  const auto made = Identities::create(options, admission);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().detail.starts_with("keys.json is no JWK set"));
  CHECK(made.error().at == "/gateway/issuers/idp/jwks");
}

TEST_CASE("door: a verified certificate names its client") {
  World world;
  House house(world, with_all());
  const std::string peer = "203.0.113.7:1";
  const http::PeerCertificate bank{"CN=bank", std::string(64, 'b')};
  const http::PeerCertificate branch{"CN=branch", std::string(64, 'a')};
  const http::PeerCertificate other{"CN=bank,O=Other", std::string(64, 'c')};
  house.ask("GET", person, {}, {}, peer, &bank);
  CHECK(house.serve("fast", replied(200, "{}")).principal == "bank");
  house.ask("POST", moved, {}, {}, peer, &branch);
  CHECK(house.serve("fast", replied(200, "{}")).principal == "branch");
  CHECK(house.ask("GET", person, {}, {}, peer, &branch)->status() == 403);
  CHECK(house.ask("GET", person, {}, {}, peer, &other)->status() == 401);
  // With a credential of its own, too, but with nobody else's.
  house.ask("GET", person, lender, {}, peer, &other);
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
  CHECK(house.ask("GET", person, lender, {}, peer, &bank)->status() == 401);
  const Asked asked = house.ask("GET", person, bearing(token(world, "partner-1")), {}, peer, &bank);
  house.run();
  CHECK(asked->status() == 401);
  CHECK(told(house, "the certificate and the credential are of different clients") == 2);
}

TEST_CASE("door: who fails too often is not looked at for a time, and that is told once") {
  World world;
  House house(world, with_all());
  const Headers wrong{{"X-Api-Key", "wrong-key"}};
  for (int i = 0; i < 5; ++i) CHECK(house.ask("GET", person, wrong)->status() == 401);
  CHECK(told(house, "locked out") == 1);
  CHECK(told(house, "the API key is not known") == 5);
  const Asked locked = house.ask("GET", person, lender);  // Even what would be right.
  CHECK(locked->status() == 429);
  CHECK(locked->header("Retry-After") == "30");
  CHECK(house.ask("GET", person, wrong, {}, "203.0.113.7:1")->status() == 429);
  CHECK(house.denials.list.size() == 6);
  // Others, and those who show nothing, go on.
  house.ask("GET", person, lender, {}, "203.0.113.8:1");
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
  house.ask("POST", "/v1/echo");
  house.serve("fast", replied(200, "{}"));
  world.scheduler.run_for(30s);
  house.ask("GET", person, lender);
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
  for (int i = 0; i < 5; ++i) house.ask("GET", person, wrong);
  CHECK(house.ask("GET", person, lender)->status() == 429);
  house.gateway->reset();
  house.ask("GET", person, lender);
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
}

TEST_CASE("door: guesses at one access key from many addresses lock it out") {
  World world;
  House house(world, with_all());
  Signer signer{.at = world.scheduler.now()};
  Signer guesser = signer;
  guesser.secret = "guessed";
  for (int i = 0; i < 5; ++i) {
    const std::string peer = "203.0.113." + std::to_string(i) + ":1";
    CHECK(house.ask("GET", person, guesser.headers("GET", person), {}, peer)->status() == 401);
  }
  CHECK(house.ask("GET", person, signer.headers("GET", person), {}, "198.51.100.1:1")->status() ==
        429);
  CHECK(told(house, "one access key") == 1);
  world.scheduler.run_for(30s);
  signer.at = world.scheduler.now();
  house.ask("GET", person, signer.headers("GET", person), {}, "198.51.100.1:1");
  CHECK(house.serve("fast", replied(200, "{}")).principal == "batch");
}

// Goal: the guard counts the key that is verified, not how somebody wrote it.
TEST_CASE("door: guesses at one access key lock it out, however its letters are written") {
  World world;
  House house(world, with_all());
  const Signer guesser{.secret = "guessed", .at = world.scheduler.now()};
  std::string target = guesser.presigned(person, 60);
  target.replace(target.find("AKID"), 4, "%41%4bID");
  for (int i = 0; i < 5; ++i) {
    const std::string peer = "203.0.113." + std::to_string(i) + ":1";
    CHECK(house.ask("GET", target, {{"Host", guesser.host}}, {}, peer)->status() == 401);
  }
  CHECK(told(house, "one access key") == 1);
  CHECK(house.ask("GET", target, {{"Host", guesser.host}}, {}, "198.51.100.1:1")->status() == 429);
}

// Goal: no second credential makes the guard count another key than the one that is verified.
TEST_CASE("door: a decoy before the credential is refused, with the right secret, too") {
  World world;
  House house(world, with_all());
  const Signer signer{.at = world.scheduler.now()};
  for (const char* decoy : {"Credential=x, ", "Credential=, ", "Credential, "}) {
    CAPTURE(decoy);
    Headers headers = signer.headers("GET", person);
    headers[2].second.insert(headers[2].second.find("Credential"), decoy);
    CHECK(house.ask("GET", person, headers)->status() == 401);
  }
}

// Goal: they share one socket, and are not one client.
TEST_CASE("door: nobody on the unix-domain socket locks out the others there") {
  World world;
  House house(world, with_all());
  const Headers wrong{{"X-Api-Key", "wrong-key"}};
  for (int i = 0; i < 20; ++i) {
    CHECK(house.ask("GET", person, wrong, {}, "unix")->status() == 401);
  }
  house.ask("GET", person, lender, {}, "unix");
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
  // One access key is locked out there as well.
  const Signer signer{.at = world.scheduler.now()};
  const Signer guesser{.secret = "guessed", .at = world.scheduler.now()};
  for (int i = 0; i < 5; ++i) {
    CHECK(house.ask("GET", person, guesser.headers("GET", person), {}, "unix")->status() == 401);
  }
  CHECK(house.ask("GET", person, signer.headers("GET", person), {}, "unix")->status() == 429);
  house.ask("GET", person, lender, {}, "unix");
  CHECK(house.serve("fast", replied(200, "{}")).principal == "lender");
}

TEST_CASE("door: more than one credential is refused, whichever of them is right") {
  World world;
  House house(world, with_all());
  for (const Headers& both :
       {Headers{{"X-Api-Key", "lender-key"}, {"X-Api-Key", "shop-key"}},
        Headers{{"X-Api-Key", "lender-key"}, {"Authorization", "Bearer shop-key"}},
        Headers{{"Authorization", "Bearer lender-key"}, {"Authorization", "Bearer shop-key"}}}) {
    CHECK(house.ask("GET", person, both)->status() == 400);
  }
  CHECK(told(house, "more than one credential") == 3);
  CHECK(house.depth("fast") == 0);
}

// Goal: the layer off costs nothing and asks for nothing: for measuring alone.
TEST_CASE("door: without client authentication every request is nobody's, and is served") {
  World world;
  Options options = with_all();
  options.authenticate = false;
  House house(world, std::move(options));
  for (const Headers& headers : {Headers{}, Headers{{"X-Api-Key", "wrong-key"}}, lender}) {
    house.ask("GET", person, headers);
    CHECK(house.serve("fast", replied(200, "{}")).principal == "");
  }
  CHECK(house.denials.list.empty());
}

TEST_CASE("door: dots and control characters in a path reach no route") {
  World world;
  House house(world, example());
  for (const char* target :
       {"/v1/people/..", "/v1/people/.", "/v1/people/%2e%2e", "/v1/people/%2E.", "/v1/people/%2e",
        "/v1/people/../people/11144477735", "/v1/people/%00", "/v1/people/1%0a", "/v1/people/%7f",
        "/../v1/echo", "/v1/x/../echo"}) {
    CAPTURE(target);
    CHECK(house.ask("GET", target, lender)->status() == 400);
    CHECK(house.ask("POST", target, lender)->status() == 400);
  }
  for (const char* target : {"//v1/echo", "/v1//echo", "/v1/echo/", "/v1%2fecho", "/V1/echo",
                             "/v1/echo;x", "/v1/echo%20", "v1/echo", "", "*", "http:/v1/echo"}) {
    CAPTURE(target);
    CHECK(house.ask("POST", target, lender)->status() == 404);
  }
  CHECK(house.depth("fast") == 0);
  house.ask("POST", "http://other.example/v1/echo", lender);  // RFC 9112, 3.2.2.
  CHECK(house.depth("fast") == 1);
}

}  // namespace porteiro::gateway
