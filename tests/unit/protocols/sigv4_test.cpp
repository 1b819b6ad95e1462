// Goal: signatures are those AWS publishes, and nothing of a request can change under one.
#include "protocols/aws/sigv4.hpp"

#include <doctest/doctest.h>

#include "porteiro/base/bytes.hpp"
#include "protocols/aws/digest.hpp"

using namespace porteiro;
using namespace porteiro::protocols;

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

// The type of the error, after '#'; empty: verified.
std::string outcome(const http::Request& request, std::string_view service, Time now = signed_at) {
  const auto verified = aws::verify_signature(request, credentials, {"us-east-1", service}, now);
  if (verified) return {};
  return std::string(verified.error().kind->query_code);
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
  CHECK(outcome(vanilla.request, "service") == "");
}

TEST_CASE("sigv4: AWS's test suite, get-vanilla-query-order-key-case") {
  const std::string header =
      authorization("service", "host;x-amz-date",
                    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  const std::vector<http::HeaderView> headers{{"Host", "example.amazonaws.com"},
                                              {"X-Amz-Date", "20150830T123600Z"},
                                              {"Authorization", header}};
  CHECK(outcome({"GET", "/?Param2=value2&Param1=value1", headers, "", ""}, "service") == "");
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
  CHECK(outcome({"GET", "/?Action=ListUsers&Version=2010-05-08", headers, "", ""}, "iam") == "");
  CHECK(outcome({"GET", "/?Action=ListRoles&Version=2010-05-08", headers, "", ""}, "iam") ==
        "SignatureDoesNotMatch");
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
  CHECK(outcome(vanilla.request, "service") == "SignatureDoesNotMatch");
}

TEST_CASE("sigv4: it counts for 15 minutes, for its region and service") {
  const Vanilla vanilla;
  CHECK(outcome(vanilla.request, "service", signed_at + aws::skew_max) == "");
  CHECK(outcome(vanilla.request, "service", signed_at - aws::skew_max) == "");
  CHECK(outcome(vanilla.request, "service", signed_at + aws::skew_max + Duration(1)) ==
        "SignatureDoesNotMatch");
  CHECK(outcome(vanilla.request, "service", signed_at - aws::skew_max - Duration(1)) ==
        "SignatureDoesNotMatch");
  CHECK(outcome(vanilla.request, "sqs") == "SignatureDoesNotMatch");
}

TEST_CASE("sigv4: what is missing or unknown has its own error") {
  Vanilla vanilla;
  std::string expected;
  SUBCASE("no credentials") {
    vanilla.headers.pop_back();
    expected = "MissingAuthenticationToken";
  }
  SUBCASE("an unknown key") {
    vanilla.header.replace(vanilla.header.find("AKIDEXAMPLE"), 11, "AKIDUNKNOWN");
    vanilla.headers[2].value = vanilla.header;
    expected = "InvalidClientTokenId";
  }
  SUBCASE("another algorithm") {
    vanilla.headers[2].value = "Basic Zm9v";
    expected = "IncompleteSignature";
  }
  SUBCASE("no signature") {
    vanilla.header.resize(vanilla.header.find(", Signature"));
    vanilla.headers[2].value = vanilla.header;
    expected = "IncompleteSignature";
  }
  SUBCASE("no date") {
    vanilla.headers.erase(vanilla.headers.begin() + 1);
    expected = "IncompleteSignature";
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
  const std::string canonical =
      "GET\n/\n" + query + "\nhost:localhost\n\nhost\n" + aws::sha256_hex("");
  const std::string text =
      "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/sqs/"
      "aws4_request\n" +
      aws::sha256_hex(canonical);
  std::string key = "AWS4" + credentials[1].secret;
  for (const char* part : {"20150830", "us-east-1", "sqs", "aws4_request"}) {
    key = aws::hmac_sha256(key, part);
  }
  const std::string target =
      "/?" + query + "&X-Amz-Signature=" + to_hex(aws::hmac_sha256(key, text));
  const std::vector<http::HeaderView> headers{{"Host", "localhost"}};
  const http::Request request{"GET", target, headers, "", ""};
  CHECK(outcome(request, "sqs") == "");
  CHECK(outcome(request, "sqs", signed_at + std::chrono::seconds(60)) == "");
  CHECK(outcome(request, "sqs", signed_at + std::chrono::seconds(61)) == "RequestExpired");
  CHECK(aws::scoped_service(request) == "sqs");
  const std::string other = target + "&QueueNamePrefix=x";
  CHECK(outcome({"GET", other, headers, "", ""}, "sqs") == "SignatureDoesNotMatch");
}

TEST_CASE("sigv4: HMAC-SHA256 is RFC 4231's") {
  CHECK(to_hex(aws::hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(to_hex(aws::hmac_sha256(std::string(131, '\xaa'),
                                "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
