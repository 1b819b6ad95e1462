#include "unit/protocols/lambda_client.hpp"

using namespace porteiro;
using namespace porteiro::protocols;
using namespace porteiro::protocols::test;

namespace {

constexpr const char* arn_prefix = "arn:aws:lambda:us-east-1:000000000000:function:";

}  // namespace

TEST_CASE("lambda: a created function is active, and says all that clients wait for") {
  LambdaClient client;
  const json made = client.create("orders", {{"Description", "takes orders"},
                                             {"Timeout", 7},
                                             {"MemorySize", 256},
                                             {"Environment", {{"Variables", {{"STAGE", "x"}}}}},
                                             {"Tags", {{"team", "credit"}}}});
  CHECK(made["FunctionArn"] == std::string(arn_prefix) + "orders");
  CHECK(made["State"] == "Active");
  CHECK(made["LastUpdateStatus"] == "Successful");
  CHECK(made["Version"] == "$LATEST");
  CHECK(made["Runtime"] == "python3.12");
  CHECK(made["Environment"]["Variables"]["STAGE"] == "x");
  CHECK(made["CodeSha256"].get<std::string>().size() == 44);
  CHECK(made["LastModified"] == "2026-01-01T00:00:00.000+0000");
  CHECK(made["PackageType"] == "Zip");
  const LambdaClient::Unit& unit = client.units.at("orders");
  CHECK(unit.settings.timeout_s == 7);
  CHECK(client.files.read(unit.folder + "/app.py").value().starts_with("def handler"));
  CHECK(client.ok("GET", client.path("orders", "/configuration")) == made);
  const json whole = client.ok("GET", client.path("orders"));
  CHECK(whole["Configuration"] == made);
  CHECK(whole["Tags"]["team"] == "credit");
  check_lambda_error(client.call("POST", client.path(""), LambdaClient::creation("orders")), 409,
                     "ResourceConflictException", "already exist");
}

TEST_CASE("lambda: the code is given back by a link that is good for ten minutes") {
  LambdaClient client;
  const json made = client.create("orders");
  const std::string url = client.ok("GET", client.path("orders"))["Code"]["Location"];
  const std::string origin = "http://localhost:4566";
  REQUIRE(url.starts_with(origin + "/_lambda/code/"));
  const std::string target = url.substr(origin.size());
  const Reply zip = client.send("GET", target);
  CHECK(zip.status == 200);
  CHECK(zip.type == "application/zip");
  CHECK(to_base64(zip.body) == LambdaClient::zip());
  check_lambda_error(client.send("GET", target.substr(0, target.size() - 1) + "0"), 403,
                     "AccessDeniedException");
  client.world.scheduler.run_for(10min + 1s);
  check_lambda_error(client.send("GET", target), 403, "AccessDeniedException");
}

TEST_CASE("lambda: functions are named by names, partial and whole ARNs") {
  LambdaClient client;
  client.create("orders");
  for (const std::string name :
       {"orders", "orders%3A$LATEST", "function:orders", "000000000000:function:orders",
        "000000000000:orders", "us-east-1:000000000000:function:orders",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aorders",
        "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST"}) {
    CAPTURE(name);
    CHECK(client.send("GET", client.path(name)).status == 200);
  }
  check_lambda_error(client.send("GET", client.path("nobody")), 404, "ResourceNotFoundException",
                     "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody");
  check_lambda_error(client.send("GET", client.path("orders") + "?Qualifier=live"), 404,
                     "ResourceNotFoundException", "function:orders:live");
  check_lambda_error(client.send("GET", client.path("orders:live") + "?Qualifier=other"), 400,
                     "InvalidParameterValueException", "does not match");
  check_lambda_error(client.send("GET", client.path("eu-west-1:000000000000:function:orders")), 404,
                     "ResourceNotFoundException");
  check_lambda_error(client.send("GET", client.path("or!ders")), 400, "ValidationException",
                     "'functionName'");
  check_lambda_error(client.send("GET", client.path(std::string(65, 'x'))), 400,
                     "ValidationException");
}

// Goal: each value that AWS refuses is refused, by the exception that clients know.
TEST_CASE("lambda: what a function cannot be made of is refused") {
  LambdaClient client;
  const auto refused = [&](const json& more, const std::string& type, const std::string& text) {
    json body = LambdaClient::creation("orders");
    body.update(more);
    CAPTURE(text);
    check_lambda_error(client.call("POST", client.path(""), body), 400, type, text);
  };
  const std::string constraint = "ValidationException", value = "InvalidParameterValueException";
  refused({{"Runtime", "cobol85"}}, value, "nodejs22.x, nodejs24.x, python3.9");
  refused({{"Runtime", "java21"}}, value, "at 'runtime'");
  refused({{"Runtime", nullptr}}, value, "Runtime and Handler are mandatory");
  refused({{"MemorySize", 127}}, constraint, "Value '127' at 'memorySize'");
  refused({{"MemorySize", 10241}}, constraint, "less than or equal to 10240");
  refused({{"Timeout", 0}}, constraint, "at 'timeout'");
  refused({{"Timeout", 901}}, constraint, "at 'timeout'");
  refused({{"Timeout", "3"}}, "SerializationException", "Timeout");
  refused({{"Description", std::string(257, 'x')}}, constraint, "at 'description'");
  refused({{"Role", "none"}}, constraint, "at 'role'");
  refused({{"Role", nullptr}}, constraint, "null at 'role'");
  refused({{"FunctionName", nullptr}}, constraint, "null at 'functionName'");
  refused({{"FunctionName", "a b"}}, constraint, "at 'functionName'");
  refused({{"Handler", "a b"}}, constraint, "at 'handler'");
  refused({{"Code", json::object()}}, value, "Please provide a source");
  refused({{"Code", {{"S3Bucket", "b"}, {"S3Key", "k"}}}}, value, "There is no S3 here");
  refused({{"Code", {{"ImageUri", "i"}}}}, value, "Container images");
  refused({{"PackageType", "Image"}}, value, "Container images");
  refused({{"Code", {{"ZipFile", "!"}}}}, value, "Could not unzip uploaded file");
  refused({{"Code", {{"ZipFile", to_base64("no zip")}}}}, value, "Could not unzip");
  refused({{"Code", {{"ZipFile", 7}}}}, "SerializationException", "ZipFile");
  refused({{"Layers", {"arn:x"}}}, value, "does not exist");
  refused({{"Architectures", {"mips"}}}, constraint, "at 'architectures'");
  refused({{"Environment", {{"Variables", {{"A B", "x"}}}}}}, constraint, "environment");
  refused({{"Environment", {{"Variables", {{"AWS_REGION", "x"}}}}}}, value, "reserved keys");
  refused({{"Environment", {{"Variables", {{"BIG", std::string(4096, 'x')}}}}}}, value, "4KB");
  refused({{"DeadLetterConfig", {{"TargetArn", "arn:aws:sqs:us-east-1:000000000000:none"}}}}, value,
          "does not exist");
  refused({{"Tags", {{"aws:x", "y"}}}}, value, "tag");
  CHECK(client.units.empty());
  CHECK(client.ok("GET", client.path(""))["Functions"].empty());
}

TEST_CASE("lambda: what is no JSON, or no action, has the service's own error") {
  LambdaClient client;
  check_lambda_error(client.send("POST", client.path(""), "{"), 400, "SerializationException");
  check_lambda_error(client.send("POST", client.path(""), "[1]"), 400, "SerializationException");
  check_lambda_error(client.send("PUT", client.path("x", "/configuration"), "{\"a\":\"\xff\"}"),
                     400, "SerializationException");
  check_lambda_error(client.send("PATCH", client.path("x")), 404, "UnknownOperationException");
  check_lambda_error(client.send("GET", "/2018-10-31/layers"), 404, "UnknownOperationException");
}

TEST_CASE("lambda: a configuration is changed member by member, under its revision") {
  LambdaClient client;
  const json made = client.create("orders", {{"Environment", {{"Variables", {{"AA", "1"}}}}}});
  const json changed = client.ok("PUT", client.path("orders", "/configuration"),
                                 {{"Timeout", 30}, {"RevisionId", made["RevisionId"]}});
  CHECK(changed["Timeout"] == 30);
  CHECK(changed["Environment"]["Variables"]["AA"] == "1");
  CHECK(changed["RevisionId"] != made["RevisionId"]);
  CHECK(client.units.at("orders").settings.timeout_s == 30);
  check_lambda_error(client.call("PUT", client.path("orders", "/configuration"),
                                 {{"Timeout", 31}, {"RevisionId", made["RevisionId"]}}),
                     412, "PreconditionFailedException");
  const json emptied = client.ok("PUT", client.path("orders", "/configuration"),
                                 {{"Environment", {{"Variables", json::object()}}}});
  CHECK_FALSE(emptied.contains("Environment"));
}

TEST_CASE("lambda: new code takes the place of the old, whose files go") {
  LambdaClient client;
  const json made = client.create("orders");
  const std::string before = client.units.at("orders").folder;
  const json dry = client.ok("PUT", client.path("orders", "/code"),
                             {{"ZipFile", client.zip("new")}, {"DryRun", true}});
  CHECK(dry["CodeSha256"] == made["CodeSha256"]);
  const json changed =
      client.ok("PUT", client.path("orders", "/code"), {{"ZipFile", client.zip("new")}});
  CHECK(changed["CodeSha256"] != made["CodeSha256"]);
  CHECK(client.files.read(client.units.at("orders").folder + "/app.py").value() == "new");
  CHECK_FALSE(client.files.list(before).has_value());
  check_lambda_error(
      client.call("PUT", client.path("orders", "/code"),
                  {{"ZipFile", client.zip("x")}, {"RevisionId", made["RevisionId"]}}),
      412, "PreconditionFailedException");
  check_lambda_error(client.call("PUT", client.path("orders", "/code"), {{"S3Bucket", "b"}}), 400,
                     "InvalidParameterValueException", "no S3");
}

TEST_CASE("lambda: a deleted function is gone, with its code") {
  LambdaClient client;
  client.create("orders");
  const std::string folder = client.units.at("orders").folder;
  client.ok("DELETE", client.path("orders"), nullptr, 204);
  CHECK(client.units.empty());
  CHECK_FALSE(client.files.list(folder).has_value());
  check_lambda_error(client.send("DELETE", client.path("orders")), 404,
                     "ResourceNotFoundException");
  client.create("orders");
}

TEST_CASE("lambda: functions are listed by pages") {
  LambdaClient client;
  for (const char* name : {"c", "a", "b"}) client.create(name);
  const json first = client.ok("GET", "/2015-03-31/functions/?MaxItems=2");
  CHECK(first["Functions"].size() == 2);
  CHECK(first["Functions"][0]["FunctionName"] == "a");
  const std::string marker = first["NextMarker"];
  const json second = client.ok("GET", "/2015-03-31/functions/?MaxItems=2&Marker=" + marker);
  CHECK(second["Functions"].size() == 1);
  CHECK_FALSE(second.contains("NextMarker"));
  client.ok("POST", client.path("a", "/versions"), json::object(), 201);
  const json all = client.ok("GET", "/2015-03-31/functions?FunctionVersion=ALL");
  CHECK(all["Functions"].size() == 4);
  CHECK(all["Functions"][1]["FunctionArn"] == std::string(arn_prefix) + "a:1");
  check_lambda_error(client.send("GET", "/2015-03-31/functions?Marker=!"), 400,
                     "InvalidParameterValueException");
  check_lambda_error(client.send("GET", "/2015-03-31/functions?MaxItems=0"), 400,
                     "ValidationException");
}

TEST_CASE("lambda: versions stay as they were published") {
  LambdaClient client;
  client.create("orders");
  const json one =
      client.ok("POST", client.path("orders", "/versions"), {{"Description", "first"}}, 201);
  CHECK(one["Version"] == "1");
  CHECK(one["FunctionArn"] == std::string(arn_prefix) + "orders:1");
  CHECK(one["Description"] == "first");
  const json again = client.ok("POST", client.path("orders", "/versions"), json::object(), 201);
  CHECK(again["Version"] == "1");  // Nothing has changed.
  client.ok("PUT", client.path("orders", "/code"),
            {{"ZipFile", client.zip("new")}, {"Publish", true}});
  CHECK(client.units.contains("orders:2"));
  CHECK(client.ok("PUT", client.path("orders", "/code"),
                  {{"ZipFile", client.zip("new")}, {"Publish", true}})["Version"] == "2");
  CHECK(client.files.read(client.units.at("orders:1").folder + "/app.py").value() != "new");
  const json versions = client.ok("GET", client.path("orders", "/versions"))["Versions"];
  REQUIRE(versions.size() == 3);
  CHECK(versions[0]["Version"] == "$LATEST");
  CHECK(versions[2]["Version"] == "2");
  check_lambda_error(client.call("POST", client.path("orders", "/versions"), {{"CodeSha256", "x"}}),
                     400, "InvalidParameterValueException", "is different from current CodeSHA256");
  check_lambda_error(client.send("DELETE", client.path("orders") + "?Qualifier=$LATEST"), 400,
                     "InvalidParameterValueException");
  client.ok("DELETE", client.path("orders") + "?Qualifier=1", nullptr, 204);
  CHECK_FALSE(client.units.contains("orders:1"));
  check_lambda_error(client.send("GET", client.path("orders:1")), 404, "ResourceNotFoundException");
}

TEST_CASE("lambda: aliases lead to versions, and keep them") {
  LambdaClient client;
  client.create("orders", {{"Publish", true}});
  client.ok("PUT", client.path("orders", "/code"),
            {{"ZipFile", client.zip("new")}, {"Publish", true}});
  const std::string aliases = client.path("orders", "/aliases");
  const json made = client.ok("POST", aliases, {{"Name", "live"}, {"FunctionVersion", "1"}}, 201);
  CHECK(made["AliasArn"] == std::string(arn_prefix) + "orders:live");
  CHECK(client.ok("GET", aliases + "/live") == made);
  CHECK(client.ok("GET", client.path("orders:live"))["Configuration"]["Version"] == "1");
  check_lambda_error(client.call("POST", aliases, {{"Name", "live"}, {"FunctionVersion", "1"}}),
                     409, "ResourceConflictException");
  check_lambda_error(client.call("POST", aliases, {{"Name", "7"}, {"FunctionVersion", "1"}}), 400,
                     "ValidationException", "at 'name'");
  check_lambda_error(client.call("POST", aliases, {{"Name", "x"}, {"FunctionVersion", "9"}}), 404,
                     "ResourceNotFoundException");
  const json routed = client.ok("PUT", aliases + "/live",
                                {{"RoutingConfig", {{"AdditionalVersionWeights", {{"2", 0.5}}}}},
                                 {"RevisionId", made["RevisionId"]}});
  CHECK(routed["RoutingConfig"]["AdditionalVersionWeights"]["2"] == 0.5);
  check_lambda_error(client.call("PUT", aliases + "/live", {{"RevisionId", made["RevisionId"]}}),
                     412, "PreconditionFailedException");
  for (const char* weight : {R"({"2": 1.5})", R"({"1": 0.5})", R"({"$LATEST": 0.5})"}) {
    CHECK(client
              .call("PUT", aliases + "/live",
                    {{"RoutingConfig", {{"AdditionalVersionWeights", json::parse(weight)}}}})
              .status == 400);
  }
  check_lambda_error(client.send("DELETE", client.path("orders") + "?Qualifier=2"), 409,
                     "ResourceConflictException", "live");
  CHECK(client.ok("GET", aliases)["Aliases"].size() == 1);
  CHECK(client.ok("GET", aliases + "?FunctionVersion=2")["Aliases"].size() == 1);
  client.ok("DELETE", aliases + "/live", nullptr, 204);
  client.ok("DELETE", aliases + "/live", nullptr, 204);
  check_lambda_error(client.send("GET", aliases + "/live"), 404, "ResourceNotFoundException");
}

TEST_CASE("lambda: a function of the config is shown, and only the config changes it") {
  LambdaClient client({.declared = {"score"}});
  CHECK(client.ok("GET", client.path("score"))["Configuration"]["State"] == "Active");
  CHECK(client.ok("GET", client.path(""))["Functions"].size() == 1);
  const std::string type = "ResourceConflictException";
  check_lambda_error(client.send("DELETE", client.path("score")), 409, type, "configuration");
  check_lambda_error(client.call("PUT", client.path("score", "/configuration"), {{"Timeout", 5}}),
                     409, type);
  check_lambda_error(client.call("PUT", client.path("score", "/code"), {{"ZipFile", client.zip()}}),
                     409, type);
  check_lambda_error(client.call("POST", client.path("score", "/versions"), json::object()), 409,
                     type);
  check_lambda_error(client.call("PUT", "/2017-10-31/functions/score/concurrency",
                                 {{"ReservedConcurrentExecutions", 1}}),
                     409, type);
  check_lambda_error(client.call("POST", client.path(""), LambdaClient::creation("score")), 409,
                     type);
}

TEST_CASE("lambda: tags, permissions and account settings") {
  LambdaClient client;
  client.create("orders");
  const std::string tags = "/2017-03-31/tags/" + percent_encode(std::string(arn_prefix) + "orders");
  client.ok("POST", tags, {{"Tags", {{"a b", "1"}, {"c", "2"}}}}, 204);
  client.ok("DELETE", tags + "?tagKeys=a%20b&tagKeys=zz", nullptr, 204);
  CHECK(client.ok("GET", tags)["Tags"] == json{{"c", "2"}});
  check_lambda_error(client.send("GET", "/2017-03-31/tags/x"), 400, "ValidationException");
  const std::string policy = client.path("orders", "/policy");
  const json permission = {{"StatementId", "s1"},
                           {"Action", "lambda:InvokeFunction"},
                           {"Principal", "events.amazonaws.com"},
                           {"SourceArn", "arn:aws:events:x"}};
  const json added = client.ok("POST", policy, permission, 201);
  CHECK(json::parse(added["Statement"].get<std::string>())["Principal"]["Service"] ==
        "events.amazonaws.com");
  check_lambda_error(client.call("POST", policy, permission), 409, "ResourceConflictException");
  const json kept = json::parse(client.ok("GET", policy)["Policy"].get<std::string>());
  CHECK(kept["Statement"].size() == 1);
  client.ok("DELETE", policy + "/s1", nullptr, 204);
  check_lambda_error(client.send("GET", policy), 404, "ResourceNotFoundException");
  check_lambda_error(client.send("DELETE", policy + "/s1"), 404, "ResourceNotFoundException");
  const json settings = client.ok("GET", "/2016-08-19/account-settings/");
  CHECK(settings["AccountUsage"]["FunctionCount"] == 1);
}

// Goal: what was acknowledged is there after a restart, and runs.
TEST_CASE("lambda: a restart gives functions, versions, aliases and mappings back") {
  LambdaClient::Setup setup;
  setup.kept = true;
  json before, mapping;
  {
    LambdaClient client(setup);
    client.create("orders", {{"Publish", true}});
    client.create("gone");
    client.ok("DELETE", client.path("gone"), nullptr, 204);
    client.ok("POST", client.path("orders", "/aliases"),
              {{"Name", "live"}, {"FunctionVersion", "1"}}, 201);
    const std::string arn = client.queue("in");
    mapping = client.ok("POST", "/2015-03-31/event-source-mappings",
                        {{"FunctionName", "orders:live"}, {"EventSourceArn", arn}}, 202);
    before = client.ok("GET", client.path("orders", "/configuration"));
  }
  setup.disk->files.erase("/data/journal/lock");
  {
    LambdaClient client(setup);
    CHECK(client.ok("GET", client.path("orders", "/configuration")) == before);
    CHECK(client.units.size() == 2);
    CHECK(client.mappings.running.begin()->second.function == "orders:1");
    CHECK(client.ok("GET", client.path("orders:live"))["Configuration"]["Version"] == "1");
    const std::string folder = client.units.at("orders").folder;
    std::erase_if(setup.disk->files,
                  [&](const auto& file) { return file.first.starts_with(folder); });
    std::erase_if(setup.disk->directories,
                  [&](const std::string& path) { return path.starts_with(folder); });
  }
  LambdaClient client(setup);  // Its code was lost.
  const json lost = client.ok("GET", client.path("orders", "/configuration"));
  CHECK(lost["State"] == "Failed");
  CHECK(client.units.empty());
  check_lambda_error(client.send("POST", client.path("orders", "/invocations"), "{}"), 409,
                     "ResourceConflictException", "Failed");
  client.ok("PUT", client.path("orders", "/code"), {{"ZipFile", client.zip()}});
  CHECK(client.ok("GET", client.path("orders", "/configuration"))["State"] == "Active");
  CHECK(client.units.contains("orders:1"));  // It has the same code.
}

TEST_CASE("lambda: a reset leaves nothing that clients made, and answers who waits") {
  LambdaClient client({.declared = {"score"}});
  client.create("orders");
  const auto waiting = client.start("POST", client.path("orders", "/invocations"), "{}");
  CHECK(client.service->waiting() == 1);
  client.service->reset();
  client.settle();
  REQUIRE(waiting->has_value());
  CHECK((*waiting)->status == 500);
  client.answer("late");
  CHECK(client.units.empty());
  CHECK(client.ok("GET", client.path(""))["Functions"].size() == 1);
  CHECK(client.files.list("/data/code").value().empty());
  CHECK(client.service->idle());
}

TEST_CASE("lambda: requests are signed where the config asks for it") {
  AwsOptions aws;
  aws.verify_signatures = true;
  aws.credentials = {{"AKID", "secret"}};
  LambdaClient client({.aws = aws});
  check_lambda_error(client.send("GET", client.path("")), 403,
                     "MissingAuthenticationTokenException");
}

TEST_CASE("lambda: which requests are the service's") {
  const auto takes = [](std::string_view target, std::vector<http::HeaderView> headers = {}) {
    return Lambda::takes({"GET", target, headers, "", "simulation"});
  };
  CHECK(takes("/2015-03-31/functions/"));
  CHECK(takes("/_lambda/code/x"));
  CHECK_FALSE(takes("/_porteiro/events"));
  CHECK_FALSE(takes("/000000000000/orders"));
  CHECK(takes("/", {{"Authorization",
                     "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/lambda/aws4_request"}}));
  CHECK(Lambda::may_be_large("/2015-03-31/functions"));
  CHECK_FALSE(Lambda::may_be_large("/"));
  CHECK_FALSE(Lambda::may_be_large("/2015-03-31/event-source-mappings"));
}
