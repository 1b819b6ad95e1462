#include "porteiro/kms/tokens.hpp"

#include <algorithm>
#include <optional>

#include "porteiro/base/bytes.hpp"
#include "porteiro/base/format.hpp"

namespace porteiro::kms {
namespace {

constexpr std::size_t token_bytes = 16;
constexpr std::size_t token_chars = 22;  // Of base64url.
constexpr Duration retry_delay_max = std::chrono::seconds(2);

}  // namespace

struct Tokens::State {
  struct Token {
    TokenOptions options;
    std::string prefix;
    std::optional<Hmac> hmac;  // Empty until it was derived.
  };

  State(Kms& kms_given, std::vector<TokenOptions> options, Scheduler* scheduler) : kms(kms_given) {
    for (TokenOptions& option : options) {
      tokens.push_back({std::move(option), {}, std::nullopt});
      tokens.back().prefix = tokens.back().options.name + "_";
    }
    if (scheduler != nullptr) timer.emplace(*scheduler);
  }

  Token* find(std::string_view name) {
    const auto found = std::find_if(tokens.begin(), tokens.end(),
                                    [&](const Token& t) { return t.options.name == name; });
    return found == tokens.end() ? nullptr : &*found;
  }

  void derive_next() {
    if (derived == tokens.size()) return finish(success());
    const TokenOptions& options = tokens[derived].options;
    kms.generate_mac(options.key, "porteiro token " + options.name, Id{},
                     [alive = std::weak_ptr<int>(alive), this](Result<std::string> mac) {
                       if (!alive.expired()) answered(std::move(mac));
                     });
  }

  void answered(Result<std::string> mac) {
    if (!mac && mac.error().code == Errc::unavailable && ++attempts < start_attempts_max) {
      return retry();
    }
    if (!mac) return finish(std::move(mac).error());
    tokens[derived++].hmac.emplace(Secret(mac.value()));
    wipe(mac.value());
    derive_next();
  }

  void retry() {
    if (!timer) return derive_next();
    timer->start(delay, [this] { derive_next(); });
    delay = std::min(2 * delay, retry_delay_max);
  }

  void finish(Result<void> result) {
    auto callback = std::move(done);  // It may end the Tokens.
    callback(std::move(result));
  }

  Kms& kms;
  std::vector<Token> tokens;  // Few: looked through in order.
  std::size_t derived = 0;
  unsigned attempts = 0;
  Duration delay = std::chrono::milliseconds(250);
  std::optional<Timer> timer;
  UniqueFunction<void(Result<void>)> done;
  std::shared_ptr<int> alive = std::make_shared<int>();
};

Tokens::Tokens(Kms& kms, std::vector<TokenOptions> options, Scheduler* scheduler)
    : state_(std::make_unique<State>(kms, std::move(options), scheduler)) {}
Tokens::~Tokens() = default;

void Tokens::start(UniqueFunction<void(Result<void>)> done) {
  state_->done = std::move(done);
  state_->derive_next();
}

Result<std::string> Tokens::make(std::string_view name, std::string_view value) const {
  State::Token* const token = state_->find(name);
  if (token == nullptr) {
    return error(Errc::not_found, "there is no token named '" + std::string(name) + "'");
  }
  if (!token->hmac) {
    return error(Errc::unavailable, "the tokens are not derived yet; retry once porteiro is ready");
  }
  std::array<char, 32> mac;
  if (token->options.format.empty()) {
    mac = (*token->hmac)(value);
  } else {
    PORTEIRO_TRY(const std::string text, canonical(token->options.format, value));
    mac = (*token->hmac)(text);
  }
  std::string out;
  out.reserve(token->prefix.size() + token_chars);
  out.append(token->prefix).append(to_base64url({mac.data(), token_bytes}));
  return out;
}

bool Tokens::looks_like(std::string_view name, std::string_view text) {
  if (text.size() != name.size() + 1 + token_chars || !text.starts_with(name)) return false;
  if (text[name.size()] != '_') return false;
  const std::string_view code = text.substr(name.size() + 1);
  const bool letters = std::all_of(code.begin(), code.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  return letters && std::string_view("AQgw").find(code.back()) != std::string_view::npos;
}

}  // namespace porteiro::kms
