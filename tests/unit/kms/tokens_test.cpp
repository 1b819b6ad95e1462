#include "porteiro/kms/tokens.hpp"

#include <doctest/doctest.h>

#include "unit/kms/support.hpp"

using namespace porteiro;
using namespace porteiro::kms;
using namespace porteiro::kms::test;

namespace {

std::vector<TokenOptions> usual() { return {{"cpf", "tokens", "cpf"}, {"phone", "tokens", ""}}; }

Result<void> start(Fixture& f, Tokens& tokens) {
  return f.wait<void>([&](auto done) { tokens.start(std::move(done)); });
}

}  // namespace

TEST_CASE("tokens: the same value gives the same token, in any of its forms") {
  Fixture f;
  f.open_default();
  Tokens tokens(*f.kms, usual(), &f.world.scheduler);
  REQUIRE(start(f, tokens).has_value());
  const std::string token = tokens.make("cpf", "52998224725").value();
  CHECK(tokens.make("cpf", "529.982.247-25").value() == token);
  CHECK(tokens.make("cpf", "11144477735").value() != token);
  CHECK(tokens.make("phone", "52998224725").value().substr(6) != token.substr(4));
  CHECK(Tokens::looks_like("cpf", token));
  CHECK(token.find("52998224725") == std::string::npos);
  CHECK(f.kms->calls() == 2);  // One a name, at start; none a token.
}

TEST_CASE("tokens: they depend on the key, and stay over restarts with it") {
  Options options;
  options.keys = {{"tokens", KeySpec::hmac_256}};
  options.directory = "data";
  std::map<std::string, std::string> files;
  std::vector<std::string> made;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Fixture f(seed);
    if (seed == 2) f.world.files.disk().files = files;  // The third one starts empty.
    REQUIRE(f.open(options).has_value());
    files = f.world.files.disk().files;
    Tokens tokens(*f.kms, usual());
    REQUIRE(start(f, tokens).has_value());
    made.push_back(tokens.make("cpf", "52998224725").value());
  }
  CHECK(made[0] == made[1]);
  CHECK(made[0] != made[2]);
}

TEST_CASE("tokens: a wrong value, an unknown name and a call before the start are refused") {
  Fixture f;
  f.open_default();
  Tokens tokens(*f.kms, usual());
  CHECK(errc_of(tokens.make("cpf", "52998224725")) == Errc::unavailable);
  REQUIRE(start(f, tokens).has_value());
  CHECK(errc_of(tokens.make("cnpj", "52998224725")) == Errc::not_found);
  const auto wrong = tokens.make("cpf", "52998224726");
  REQUIRE(errc_of(wrong) == Errc::invalid);
  CHECK(wrong.error().detail.find("52998224726") == std::string::npos);
}

TEST_CASE("tokens: a throttled start is tried again, with growing gaps") {
  Fixture f;
  f.open_default();
  for (int i = 0; i < 3; ++i) f.faults.next.push_back({Fault::Kind::throttle, 0ns});
  Tokens tokens(*f.kms, usual(), &f.world.scheduler);
  const Time before = f.world.scheduler.now();
  CHECK(start(f, tokens).has_value());
  CHECK(f.world.scheduler.now() - before == 250ms + 500ms + 1s);
  CHECK(tokens.make("cpf", "52998224725").has_value());
}

TEST_CASE("tokens: a start that stays throttled fails in the end, others at once") {
  Fixture f;
  f.open_default();
  for (unsigned i = 0; i < Tokens::start_attempts_max; ++i) {
    f.faults.next.push_back({Fault::Kind::throttle, 0ns});
  }
  Tokens tokens(*f.kms, usual(), &f.world.scheduler);
  CHECK(errc_of(start(f, tokens)) == Errc::unavailable);
  CHECK(f.faults.next.empty());
  const auto calls = f.kms->calls();
  Tokens wrong(*f.kms, {{"cpf", "no-such-key", "cpf"}}, &f.world.scheduler);
  CHECK(errc_of(start(f, wrong)) == Errc::not_found);
  CHECK(f.kms->calls() == calls + 1);
  Tokens mistaken(*f.kms, {{"cpf", "vault", "cpf"}}, &f.world.scheduler);
  CHECK(errc_of(start(f, mistaken)) == Errc::invalid);
}

TEST_CASE("tokens: one that ends while it starts or waits calls nobody back") {
  Fixture f;
  f.open_default();
  f.faults.next.push_back({Fault::Kind::throttle, 0ns});
  bool called = false;
  auto tokens = std::make_unique<Tokens>(*f.kms, usual(), &f.world.scheduler);
  tokens->start([&](const Result<void>&) { called = true; });
  SUBCASE("while the call is under way") {}
  SUBCASE("while it waits for the next try") { f.world.scheduler.run_for(1ms); }
  tokens.reset();
  f.world.scheduler.run_until_idle();
  CHECK_FALSE(called);
  Tokens none(*f.kms, {});
  none.start([&](const Result<void>& r) { called = r.has_value(); });
  CHECK(called);
}

TEST_CASE("tokens: looks_like tells tokens from other texts") {
  CHECK(Tokens::looks_like("cpf", "cpf_AAAAAAAAAAAAAAAAAAAAAA"));
  CHECK(Tokens::looks_like("cpf", "cpf_az09-_AZAAAAAAAAAAAAAw"));
  CHECK_FALSE(Tokens::looks_like("cpf", "cnp_AAAAAAAAAAAAAAAAAAAAAA"));
  CHECK_FALSE(Tokens::looks_like("cpf", "cpf_AAAAAAAAAAAAAAAAAAAAA"));
  CHECK_FALSE(Tokens::looks_like("cpf", "cpf_AAAAAAAAAAAAAAAAAAAAAAA"));
  CHECK_FALSE(Tokens::looks_like("cpf", "cpf-AAAAAAAAAAAAAAAAAAAAAA"));
  CHECK_FALSE(Tokens::looks_like("cpf", "cpf_AAAAAAAAAAAAAAAAAAAAAB"));  // Not 128 bits.
  CHECK_FALSE(Tokens::looks_like("cpf", "cpf_AAAAAAAAAA+AAAAAAAAAAA"));
  CHECK_FALSE(Tokens::looks_like("cpf", "52998224725"));
  CHECK_FALSE(Tokens::looks_like("cpf", ""));
}
