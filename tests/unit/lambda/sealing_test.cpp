// Goal: a function opens a sealed body only with a key, and in a context, that its role names.
#include "porteiro/lambda/sealing.hpp"

#include "unit/lambda/fixture.hpp"

using namespace porteiro;
using namespace porteiro::lambda;
using namespace porteiro::lambda::test;

namespace {

struct Opener {
  explicit Opener(std::vector<access::Rule> rules, access::Zone zone = access::Zone::private_zone,
                  access::Layers layers = {})
      : guard({{"r", std::move(rules)}}, b.world.scheduler, b.telemetry, layers),
        asker{"f", "r", zone},
        sealing(*b.sealer, guard, asker) {}
  std::string seal(const kms::EncryptionContext& bound) {
    std::string sealed;
    b.sealer->seal("vault", bound, "the body", {},
                   [&](Result<std::string> made) { sealed = made.value(); });
    b.settle();
    REQUIRE_FALSE(sealed.empty());
    return sealed;
  }
  Result<std::string> open(std::string sealed, const kms::EncryptionContext& bound) {
    std::optional<Result<std::string>> outcome;
    sealing.unseal(std::move(sealed), bound, {Id{}, "credit"},
                   [&](Result<std::string> opened) { outcome = std::move(opened); });
    b.settle();
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }
  // Of opening a body of events "person.registered".
  std::optional<Errc> refusal() {
    const auto opened = open(seal(context), context);
    if (opened) return std::nullopt;
    return opened.error().code;
  }
  const kms::EncryptionContext context{{"event", "person.registered"}};
  Bench b;
  access::Guard guard;
  stores::Asker asker;
  Sealing sealing;
};

using Rules = std::vector<access::Rule>;

}  // namespace

TEST_CASE("sealing: the role names the key, and may narrow context and purpose") {
  CHECK_FALSE(Opener(Rules{{"kms:Decrypt", "vault"}}).refusal());
  CHECK_FALSE(Opener(Rules{{"kms:*", "*"}}).refusal());
  CHECK(Opener(Rules{{"kms:Decrypt", "profiles"}}).refusal() == Errc::denied);
  CHECK(Opener(Rules{{"kms:GenerateDataKey", "vault"}}).refusal() == Errc::denied);
  CHECK(Opener(Rules{{"store:*", "*"}}).refusal() == Errc::denied);
  CHECK(Opener(Rules{}).refusal() == Errc::denied);
  CHECK_FALSE(
      Opener(Rules{{"kms:Decrypt", "vault", {}, {}, {{"event", "person.registered"}}}}).refusal());
  CHECK(Opener(Rules{{"kms:Decrypt", "vault", {}, {}, {{"event", "profile.changed"}}}}).refusal() ==
        Errc::denied);
  CHECK(Opener(Rules{{"kms:Decrypt", "vault", {}, {}, {{"tenant", "x"}}}}).refusal() ==
        Errc::denied);
  CHECK_FALSE(Opener(Rules{{"kms:Decrypt", "vault", {}, {"credit"}}}).refusal());
  CHECK(Opener(Rules{{"kms:Decrypt", "vault", {}, {"other"}}}).refusal() == Errc::denied);
  CHECK(Opener(Rules{{"kms:*", "*"}}, access::Zone::public_zone).refusal() == Errc::denied);
  CHECK_FALSE(Opener(Rules{}, access::Zone::public_zone, {.roles = false}).refusal());
}

TEST_CASE("sealing: a name that somebody wrote into a sealed text is not repeated") {
  Opener o(Rules{{"kms:Decrypt", "vault"}});
  std::string sealed = o.seal(o.context);
  const std::size_t at = sealed.find("vault");
  REQUIRE(at != std::string::npos);
  for (const char* forged : {"11\n\"'", "name1", "name2"}) {  // However usual it looks.
    sealed.replace(at, 5, forged);
    const auto opened = o.open(sealed, o.context);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == Errc::denied);
  }
  std::string notes;
  for (const auto& each : o.b.records(telemetry::Kind::note)) {
    notes += o.b.telemetry.note_text(each.extra);
  }
  CHECK(notes.find("kms:Decrypt on unknown") != std::string::npos);
  CHECK(notes.find("name1") == std::string::npos);
  for (const auto& each : o.b.records(telemetry::Kind::access_denied)) {
    CHECK(to_json(o.b.telemetry, each).find("name1") == std::string::npos);
  }
  CHECK(o.open("", o.context).error().code == Errc::denied);
}

TEST_CASE("sealing: to seal is another right") {
  const auto seals = [](Rules rules) {
    Opener o(std::move(rules));
    bool done = false;
    o.sealing.seal("vault", o.context, "x", {},
                   [&](Result<std::string> sealed) { done = sealed.has_value(); });
    o.b.settle();
    return done;
  };
  CHECK(seals(Rules{{"kms:GenerateDataKey", "vault"}}));
  CHECK_FALSE(seals(Rules{{"kms:Decrypt", "vault"}}));
}
