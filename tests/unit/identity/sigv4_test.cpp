// Goal: signatures are those AWS publishes, and nothing of a request can change under one.
#include "porteiro/identity/sigv4.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "porteiro/identity/digest.hpp"

using namespace porteiro;
using namespace porteiro::identity;
using Kind = SignatureProblem::Kind;

namespace {

const std::vector<Credential> credentials{
    {"AKIDOTHER", "other"}, {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}};
const Time signed_at = parse_rfc3339("2015-08-30T12:36:00Z").value();

std::string authorization(std::string_view service, std::string_view headers,
                          std::string_view signature) {
  std::string text = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/";
  text.append(service).append("/aws4_request, SignedHeaders=").append(headers);
  return text.append(", Signature=").append(signature);
}

constexpr Duration skew_max = std::chrono::minutes(15);

// What is wrong; nullopt: verified, as the second of the credentials.
std::optional<Kind> outcome(const http::Request& request, std::string_view service,
                            Time now = signed_at, bool exact_query = false) {
  const auto verified = verify_signature(
      request, credentials,
      {.region = "us-east-1", .service = service, .skew_max = skew_max, .exact_query = exact_query},
      now);
  if (!verified) return verified.error().kind;
  CHECK(verified.value() == 1);
  return std::nullopt;
}

struct Vanilla {  // "get-vanilla" of AWS's Signature Version 4 test suite.
  std::string header =
      authorization("service", "host;x-amz-date",
                    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  std::vector<http::HeaderView> headers{{"Host", "example.amazonaws.com"},
                                        {"X-Amz-Date", "20150830T123600Z"},
                                        {"Authorization", header}};
  http::Request request{"GET", "/", headers, "", "simulation"};
};

}  // namespace

TEST_CASE("sigv4: AWS's test suite, get-vanilla") {
  const Vanilla vanilla;
  CHECK(outcome(vanilla.request, "service") == std::nullopt);
}

TEST_CASE("sigv4: AWS's test suite, get-vanilla-query-order-key-case") {
  const std::string header =
      authorization("service", "host;x-amz-date",
                    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  const std::vector<http::HeaderView> headers{{"Host", "example.amazonaws.com"},
                                              {"X-Amz-Date", "20150830T123600Z"},
                                              {"Authorization", header}};
  CHECK(outcome({"GET", "/?Param2=value2&Param1=value1", headers, "", ""}, "service") ==
        std::nullopt);
}

TEST_CASE("sigv4: the example of the IAM user guide, ListUsers") {
  const std::string header =
      authorization("iam", "content-type;host;x-amz-date",
                    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  const std::vector<http::HeaderView> headers{
      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"Host", "iam.amazonaws.com"},
      {"X-Amz-Date", "20150830T123600Z"},
      {"Authorization", header}};
  CHECK(outcome({"GET", "/?Action=ListUsers&Version=2010-05-08", headers, "", ""}, "iam") ==
        std::nullopt);
  CHECK(outcome({"GET", "/?Action=ListRoles&Version=2010-05-08", headers, "", ""}, "iam") ==
        Kind::mismatch);
}

TEST_CASE("sigv4: whatever changes, the signature does not match any more") {
  Vanilla vanilla;
  SUBCASE("the method") { vanilla.request.method = "POST"; }
  SUBCASE("the path") { vanilla.request.target = "/x"; }
  SUBCASE("the query") { vanilla.request.target = "/?a=b"; }
  SUBCASE("the body") { vanilla.request.body = "x"; }
  SUBCASE("a signed header") { vanilla.headers[0].value = "example.org"; }
  SUBCASE("the time") { vanilla.headers[1].value = "20150830T123601Z"; }
  SUBCASE("an unsigned target") { vanilla.headers.push_back({"X-Amz-Target", "AmazonSQS.Purge"}); }
  SUBCASE("a hash that is not the body's") {
    vanilla.headers.push_back({"X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"});
  }
  vanilla.request.headers = vanilla.headers;
  CHECK(outcome(vanilla.request, "service") == Kind::mismatch);
}

TEST_CASE("sigv4: it counts for 15 minutes, for its region and service") {
  const Vanilla vanilla;
  CHECK(outcome(vanilla.request, "service", signed_at + skew_max) == std::nullopt);
  CHECK(outcome(vanilla.request, "service", signed_at - skew_max) == std::nullopt);
  CHECK(outcome(vanilla.request, "service", signed_at + skew_max + Duration(1)) == Kind::late);
  CHECK(outcome(vanilla.request, "service", signed_at - skew_max - Duration(1)) == Kind::early);
  CHECK(outcome(vanilla.request, "sqs") == Kind::mismatch);
}

TEST_CASE("sigv4: what is missing or unknown has its own error") {
  Vanilla vanilla;
  Kind expected{};
  SUBCASE("no credentials") {
    vanilla.headers.pop_back();
    expected = Kind::missing;
  }
  SUBCASE("an unknown key") {
    vanilla.header.replace(vanilla.header.find("AKIDEXAMPLE"), 11, "AKIDUNKNOWN");
    vanilla.headers[2].value = vanilla.header;
    expected = Kind::unknown_key;
  }
  SUBCASE("another algorithm") {
    vanilla.headers[2].value = "Basic Zm9v";
    expected = Kind::incomplete;
  }
  SUBCASE("no signature") {
    vanilla.header.resize(vanilla.header.find(", Signature"));
    vanilla.headers[2].value = vanilla.header;
    expected = Kind::incomplete;
  }
  SUBCASE("no date") {
    vanilla.headers.erase(vanilla.headers.begin() + 1);
    expected = Kind::incomplete;
  }
  vanilla.request.headers = vanilla.headers;
  CHECK(outcome(vanilla.request, "service") == expected);
}

// Signed here with the same parts, once the header form is known to be right.
TEST_CASE("sigv4: a presigned URL counts as long as it says") {
  const std::string query =
      "Action=ListQueues&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%"
      "2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-"
      "SignedHeaders=host";
  const std::string canonical = "GET\n/\n" + query + "\nhost:localhost\n\nhost\n" + sha256_hex("");
  const std::string text =
      "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/sqs/"
      "aws4_request\n" +
      sha256_hex(canonical);
  std::string key = "AWS4" + credentials[1].secret;
  for (const char* part : {"20150830", "us-east-1", "sqs", "aws4_request"}) {
    key = hmac_sha256(key, part);
  }
  const std::string target = "/?" + query + "&X-Amz-Signature=" + to_hex(hmac_sha256(key, text));
  const std::vector<http::HeaderView> headers{{"Host", "localhost"}};
  const http::Request request{"GET", target, headers, "", ""};
  CHECK(outcome(request, "sqs") == std::nullopt);
  CHECK(outcome(request, "sqs", signed_at + std::chrono::seconds(60)) == std::nullopt);
  CHECK(outcome(request, "sqs", signed_at + std::chrono::seconds(61)) == Kind::expired);
  CHECK(scoped_service(request) == "sqs");
  const std::string other = target + "&QueueNamePrefix=x";
  CHECK(outcome({"GET", other, headers, "", ""}, "sqs") == Kind::mismatch);
}

// Goal: routing and lock-outs mean the key and the service that are verified, however they come.
TEST_CASE("sigv4: the parts of a credential are read as the signature's claim is") {
  const auto of_query = [](const std::string& credential) {
    const std::string target = "/?X-Amz-Credential=" + credential;
    const http::Request request{"GET", target, {}, "", ""};
    return access_key(request) + " " + scoped_service(request);
  };
  CHECK(of_query("AKID%2F20150830%2Fus-east-1%2Fsqs%2Faws4_request") == "AKID sqs");
  CHECK(of_query("AKID/20150830%2fus-east-1/sqs%2faws4_request") == "AKID sqs");
  CHECK(of_query("%41KID/20150830/us-east-1/%73q%73/aws4_request") == "AKID sqs");
  CHECK(of_query("A%252FB/20150830/us-east-1/sqs/aws4_request") == "A%2FB sqs");
  CHECK(of_query("AKID") == "AKID ");
  CHECK(of_query("AKID%2") == " ");
  const auto of_header = [](const std::string& header) {
    const std::vector<http::HeaderView> headers{{"Authorization", header}};
    const http::Request request{"GET", "/?X-Amz-Credential=B/1/2/3/4", headers, "", ""};
    return access_key(request) + " " + scoped_service(request);
  };
  CHECK(of_header("AWS4-HMAC-SHA256 Credential=A%2FB/1/r/kms/aws4_request, Signature=x") ==
        "A%2FB kms");
  CHECK(of_header("Bearer x") == " ");  // The header is what would be verified.
  // A second one is refused, so that the first is nobody's: not the key that failures count for.
  CHECK(of_header("AWS4-HMAC-SHA256 Credential=x, Credential=A/1/r/kms/aws4_request") == " ");
}

// Goal: a header says each thing once, so that there are no two ways to read it.
TEST_CASE("sigv4: a parameter that comes twice makes the signature incomplete, whatever its form") {
  for (const char* more : {"Credential=x, ", "Credential=, ", "Credential, ", "SignedHeaders=, ",
                           "Signature=, ", "Signature=00, "}) {
    CAPTURE(more);
    Vanilla vanilla;
    vanilla.header.insert(vanilla.header.find("Credential"), more);
    vanilla.headers[2].value = vanilla.header;
    vanilla.request.headers = vanilla.headers;
    CHECK(outcome(vanilla.request, "service") == Kind::incomplete);
    CHECK(access_key(vanilla.request).empty());
    CHECK(scoped_service(vanilla.request).empty());
  }
}

// Goal: what has one canonical form has one meaning, where the caller asks for that.
TEST_CASE("sigv4: a plus sign in the query is refused where it could mean two things") {
  Vanilla vanilla;
  vanilla.request.target = "/?a=b+c";
  CHECK(outcome(vanilla.request, "service", signed_at, true) == Kind::mismatch);
  vanilla.request.target = "/";
  CHECK(outcome(vanilla.request, "service", signed_at, true) == std::nullopt);
  CHECK(access_key(vanilla.request) == "AKIDEXAMPLE");
}

TEST_CASE("sigv4: the scope's date is the date of the signature, and whole") {
  for (const char* date : {"", "2015", "20150831"}) {
    CAPTURE(date);
    Vanilla vanilla;
    vanilla.header.replace(vanilla.header.find("20150830"), 8, date);
    vanilla.headers[2].value = vanilla.header;
    vanilla.request.headers = vanilla.headers;
    CHECK(outcome(vanilla.request, "service") == Kind::mismatch);
  }
}

TEST_CASE("sigv4: HMAC-SHA256 is RFC 4231's") {
  CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(to_hex(hmac_sha256(std::string(131, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
