// Goal: a token counts when its issuer made it for us and now, and none of the known tricks makes
// another one count.
#include "porteiro/identity/token.hpp"

#include <doctest/doctest.h>

#include "porteiro/identity/digest.hpp"
#include "unit/identity/test_keys.hpp"

namespace porteiro::identity {
namespace {

using namespace std::chrono_literals;

const Time now = Time(std::chrono::seconds(1'800'000'000));
const std::string rs256 = R"({"alg":"RS256","kid":"a","typ":"JWT"})";
const std::string es256 = R"({"alg":"ES256","kid":"b"})";
const std::string good =
    R"({"iss":"https://idp.example","aud":"porteiro","sub":"lender","exp":1800000060})";

const TestKey& rsa() {
  static const TestKey key = TestKey::rsa();
  return key;
}
const TestKey& ec() {
  static const TestKey key = TestKey::ec();
  return key;
}

const std::vector<Issuer>& issuers() {
  static const std::vector<Issuer> list = [] {
    const std::string keys = "{\"keys\":[" + rsa().jwk("a") + "," + ec().jwk("b") + "]}";
    const std::string other = TestKey::ec().set("a");
    return std::vector<Issuer>{{"https://other.example", "porteiro", KeySet::parse(other).value()},
                               {"https://idp.example", "porteiro", KeySet::parse(keys).value()}};
  }();
  return list;
}

// Why it is refused; empty: it counts.
std::string refusal(std::string_view text, Time at = now) {
  const auto token = read_token(text, issuers());
  if (!token) {
    CHECK(token.error().code == Errc::denied);
    return token.error().detail;
  }
  if (const char* missed = token.value().period.missed_by(at)) return missed;
  return token.value().verify() ? "" : "wrong signature";
}

std::string claims(std::string_view more) {
  return good.substr(0, good.size() - 1) + "," + std::string(more) + "}";
}
std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("token: RFC 7515's examples of RS256 and ES256 verify") {
  const std::string payload =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
      "cnVlfQ";
  const auto keys = KeySet::parse(
      R"({"keys":[{"kid":"A.2","kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wW)"
      "JcyQoTbji9k0l8W26"
      "mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32"
      "690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665"
      "xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kz"
      R"(k2PAcDTW9gb54h4FRWyuXpoQ"},{"kid":"A.3","kty":"EC","crv":"P-256",)"
      R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  REQUIRE(keys.has_value());
  const PublicKey* a2 = keys.value().find("A.2");
  const PublicKey* a3 = keys.value().find("A.3");
  REQUIRE(a2 != nullptr);
  REQUIRE(a3 != nullptr);
  CHECK(a2->algorithm() == Algorithm::rs256);
  CHECK(a3->algorithm() == Algorithm::es256);
  const std::string signature2 =
      from_base64url(
          "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
          "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS"
          "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"
          "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
          .value();
  const std::string signature3 =
      from_base64url(
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
          .value();
  CHECK(a2->verify("eyJhbGciOiJSUzI1NiJ9." + payload, signature2));
  CHECK(a3->verify("eyJhbGciOiJFUzI1NiJ9." + payload, signature3));
  CHECK_FALSE(a2->verify("eyJhbGciOiJSUzI1NiJ9." + payload + "A", signature2));
  CHECK_FALSE(a3->verify("eyJhbGciOiJFUzI1NiJ9." + payload + "A", signature3));
  CHECK_FALSE(a2->verify("eyJhbGciOiJSUzI1NiJ9." + payload, signature3));
  CHECK_FALSE(a3->verify("eyJhbGciOiJFUzI1NiJ9." + payload, signature2));
  CHECK_FALSE(a3->verify("eyJhbGciOiJFUzI1NiJ9." + payload, std::string(64, '\0')));
  CHECK_FALSE(a3->verify("eyJhbGciOiJFUzI1NiJ9." + payload, ""));
}

TEST_CASE("token: what is right is read as it says") {
  CHECK(refusal(rsa().token(rs256, good)) == "");
  CHECK(refusal(ec().token(es256, good)) == "");
  const auto token = read_token(
      ec().token(es256, claims(R"("scope":"people  trail","aud2":1,"nbf":1800000060,"iat":1.5)")),
      issuers());
  REQUIRE(token.has_value());
  CHECK(token.value().issuer == 1);
  CHECK(token.value().subject == "lender");
  CHECK(token.value().scopes == std::vector<std::string>{"people", "trail"});
  CHECK(token.value().period.expires == now + 60s);
  CHECK(refusal(ec().token(es256, replaced(good, "\"porteiro\"", R"(["x","porteiro"])"))) == "");
  CHECK_FALSE(read_token(rsa().token(rs256, good), issuers()).value().scopes.has_value());
}

TEST_CASE("token: it counts until the nanosecond it expires") {
  const std::string text = ec().token(es256, good);
  CHECK(refusal(text, now + 60s - 1ns) == "");
  CHECK(refusal(text, now + 60s) == "the token has expired");
  const std::string early = ec().token(es256, claims("\"nbf\":1800000000"));
  CHECK(refusal(early, now - token_skew_max) == "");
  CHECK(refusal(early, now - token_skew_max - 1ns) == "the token is for a time to come");
  // The year 9999 is later than nanoseconds reach: never.
  const std::string late = ec().token(es256, replaced(good, "1800000060", "253402300799"));
  CHECK(refusal(late) == "");
}

TEST_CASE("token: whatever is wrong with its claims, it does not count") {
  for (const std::string& wrong :
       std::vector<std::string>{replaced(good, "idp.example", "idp.example/"),
                                replaced(good, "\"porteiro\"", "\"port\""),
                                replaced(good, "\"porteiro\"", R"(["x"])"),
                                replaced(good, "\"porteiro\"", R"([1,"porteiro"])"),
                                replaced(good, "\"porteiro\"", "null"),
                                replaced(good, R"("aud":"porteiro",)", ""),
                                replaced(good, R"(,"exp":1800000060)", ""),
                                replaced(good, "1800000060", "1799999999"),
                                replaced(good, "1800000060", "\"1800000060\""),
                                replaced(good, "1800000060", "-1"),
                                replaced(good, "1800000060", "1e300"),
                                replaced(good, "1800000060", "null"),
                                replaced(good, R"("sub":"lender",)", ""),
                                replaced(good, "\"lender\"", "\"\""),
                                replaced(good, "\"lender\"", "7"),
                                claims(R"("sub":"shop")"),
                                claims(R"("exp":1900000000)"),
                                claims(R"("nbf":"soon")"),
                                claims(R"("iat":1800000061)"),
                                claims(R"("scope":["people"])"),
                                replaced(good, "lender", std::string(257, 'x')),
                                "[]",
                                "7",
                                "",
                                "{",
                                good + "x",
                                R"({"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}})"}) {
    CAPTURE(wrong);
    CHECK(refusal(ec().token(es256, wrong)) != "");
    CHECK(refusal(ec().token(es256, wrong)) != "wrong signature");
  }
}

TEST_CASE("token: whatever is wrong with its header, it does not count") {
  for (const char* wrong : {R"({"alg":"none","kid":"b"})",
                            R"({"alg":"None","kid":"b"})",
                            R"({"kid":"b"})",
                            R"({"alg":"HS256","kid":"b"})",
                            R"({"alg":"ES384","kid":"b"})",
                            R"({"alg":"RS256","kid":"b"})",
                            R"({"alg":"ES256"})",
                            R"({"alg":"ES256","kid":"c"})",
                            R"({"alg":"ES256","kid":7})",
                            R"({"alg":["ES256"],"kid":"b"})",
                            R"({"alg":"ES256","kid":"b","crit":["exp"]})",
                            R"({"alg":"ES256","kid":"b","crit":[]})",
                            R"({"alg":"ES256","kid":"b","jwk":{}})",
                            R"({"alg":"ES256","kid":"b","jku":"https://idp.example/keys"})",
                            R"({"alg":"ES256","kid":"b","x5u":"https://idp.example/keys"})",
                            R"({"alg":"ES256","kid":"b","x5c":[]})",
                            R"({"alg":"ES256","kid":"b","b64":false})",
                            R"({"alg":"ES256","kid":"b","zip":"DEF"})",
                            R"({"alg":"ES256","kid":"b","typ":"JWE"})",
                            R"({"alg":"ES256","kid":"b","kid":"b"})",
                            R"({"alg":"none","alg":"ES256","kid":"b"})"}) {
    CAPTURE(wrong);
    const std::string refused = refusal(ec().token(wrong, good));
    CHECK(refused != "");
    CHECK(refused != "wrong signature");
  }
}

// Goal: a public key is no secret, so what it signs as one must not count.
TEST_CASE("token: an HMAC with the public key as its secret is no signature") {
  const std::string header = R"({"alg":"HS256","kid":"a"})";
  const std::string message = to_base64url(header) + "." + to_base64url(good);
  for (const std::string& secret : {rsa().jwk("a"), rsa().set("a")}) {
    CHECK(refusal(message + "." + to_base64url(hmac_sha256(secret, message))) ==
          "the token is not signed with RS256 or ES256");
  }
}

TEST_CASE("token: a signature is of one key, one text and one form") {
  const std::string text = ec().token(es256, good);
  const std::size_t last = text.rfind('.');
  CHECK(refusal(TestKey::ec().token(es256, good)) == "wrong signature");
  CHECK(refusal(TestKey::rsa().token(rs256, good)) == "wrong signature");
  // A key of one issuer says nothing for another one.
  CHECK(refusal(ec().token(R"({"alg":"ES256","kid":"a"})", replaced(good, "idp", "other"))) ==
        "wrong signature");
  const std::string other = to_base64url(replaced(good, "lender", "bender"));
  CHECK(refusal(text.substr(0, text.find('.') + 1) + other + text.substr(last)) ==
        "wrong signature");
  for (const std::string& wrong : std::vector<std::string>{
           text.substr(0, last), text.substr(0, last + 1), text + ".", text + "=", text + "A",
           text.substr(0, text.size() - 1), "." + text, text + " ", " " + text, "..", ".", "",
           "a.b.c", text.substr(0, text.find('.')) + "." + text.substr(last),
           replaced(text, ".", "=."), text + "." + text}) {
    CAPTURE(wrong);
    CHECK(refusal(wrong) != "");
  }
  // The last letter of a text of 64 bytes holds four bits that are none of it (RFC 4648, 3.5).
  std::string twin = text;
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  twin.back() = letters[letters.find(twin.back()) ^ 1];
  CHECK(refusal(twin) == "the token is malformed");
  CHECK(refusal(ec().token(es256, claims("\"x\":\"" + std::string(8 << 10, 'x') + "\""))) ==
        "the token is larger than 8 KiB");
}

TEST_CASE("key set: what is for RS256 and ES256 is taken, the rest left out") {
  const std::string mixed =
      "{\"keys\":[" + rsa().jwk("a", R"(,"use":"sig","alg":"RS256")") + "," +
      ec().jwk("b", R"(,"key_ops":["verify"])") + "," + rsa().jwk("c", R"(,"use":"enc")") + "," +
      rsa().jwk("d", R"(,"alg":"PS256")") + "," + ec().jwk("e", R"(,"key_ops":["encrypt"])") +
      R"(,{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"f"},{"kty":"EC","crv":"P-384","kid":"g"}]})";
  const auto keys = KeySet::parse(mixed);
  REQUIRE(keys.has_value());
  CHECK(keys.value().size() == 2);
  CHECK(keys.value().find("a") != nullptr);
  CHECK(keys.value().find("c") == nullptr);
}

TEST_CASE("key set: what is no set of public keys is refused, with what to do") {
  const std::string key = ec().jwk("b");
  for (const std::string& wrong : std::vector<std::string>{
           "", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[7]})",
           R"({"keys":[{"kty":"OKP","kid":"a"}]})", R"({"keys":[],"keys":[]})",
           "{\"keys\":[" + key + "," + key + "]}", "{\"keys\":[" + ec().jwk("") + "]}",
           "{\"keys\":[" + ec().jwk("b", R"(,"d":"AA")") + "]}",
           R"({"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]})", TestKey::rsa(1024).set("a"),
           R"({"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]})",
           R"({"keys":[{"kty":"RSA","kid":"a","e":"AQAB"}]})",
           replaced(rsa().set("a"), "\"AQAB\"", "\"AQ\""),
           replaced(rsa().set("a"), "\"AQAB\"", "\"Ag\""),
           R"({"keys":[{"kty":"EC","crv":"P-256","kid":"b","x":"AA","y":"AA"}]})",
           R"({"keys":[{"kty":"EC","crv":"P-256","kid":"b","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tu)"
           R"(s9uPHvRVEU",)"
           R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]})"}) {
    CAPTURE(wrong);
    const auto keys = KeySet::parse(wrong);
    REQUIRE_FALSE(keys.has_value());
    CHECK(keys.error().code == Errc::invalid);
    CHECK(keys.error().detail.find("AAAA") == std::string::npos);
  }
}

}  // namespace porteiro::identity
