// What strangers show of themselves: the first byte says what. 'k' a set of keys, 't' a token as it
// comes, 'c' the header and the claims of one, with a line's end between them, 's' an Authorization
// header, 'q' a query with a signature.
#include "porteiro/base/bytes.hpp"
#include "porteiro/identity/sigv4.hpp"
#include "porteiro/identity/token.hpp"

namespace {

using namespace porteiro;
using namespace porteiro::identity;

constexpr Time now{std::chrono::seconds(1'800'000'000)};

const std::vector<Issuer>& issuers() {
  static const std::vector<Issuer> list{
      {"i", "a",
       KeySet::parse(R"({"keys":[{"kid":"k","kty":"EC","crv":"P-256",)"
                     R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                     R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})")
           .value()}};
  return list;
}

// Nobody here has the private key: whatever is read, no signature matches.
void read(std::string_view text) {
  const auto token = read_token(text, issuers());
  if (!token) return;
  PORTEIRO_ASSERT(token.value().issuer == 0 && token.value().period.expires >= Time());
  PORTEIRO_ASSERT(!token.value().subject.empty() && !token.value().verify());
}

void verify(std::string_view target, const std::vector<http::HeaderView>& headers) {
  static const std::vector<Credential> credentials{{"AKID", "a secret that no input has"}};
  const http::Request request{.method = "GET", .target = target, .headers = headers};
  const SignatureRules rules{.region = "us-east-1", .service = "execute-api"};
  PORTEIRO_ASSERT(!verify_signature(request, credentials, rules, now));
  static_cast<void>(access_key(request));
  static_cast<void>(scoped_service(request));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string_view text = input.substr(1);
  if (input[0] == 'k') {
    const auto keys = KeySet::parse(text);
    PORTEIRO_ASSERT(!keys || keys.value().size() > 0);
  } else if (input[0] == 't') {
    read(text);
  } else if (input[0] == 'c') {
    const std::size_t line = std::min(text.find('\n'), text.size());
    read(to_base64url(text.substr(0, line)) + "." +
         to_base64url(text.substr(std::min(line + 1, text.size()))) + ".AAAA");
  } else if (input[0] == 's') {
    verify("/v1/people?a=b",
           {{"Host", "a"}, {"X-Amz-Date", "20270115T080000Z"}, {"Authorization", text}});
  } else {
    verify("/?" + std::string(text), {{"Host", "a"}});
  }
  return 0;
}
