// Goal: every mistake gives exactly one problem, which says where it is, what is wrong and what was
// probably meant.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "porteiro/config/config.hpp"

namespace porteiro::config {
namespace {

std::string problems_of(std::string_view text, std::string_view schema) {
  nlohmann::json document;
  std::string out;
  for (const Problem& problem : validate(text, "f", schema, document)) {
    out += (out.empty() ? "" : "\n") + to_text(problem);
  }
  return out;
}

struct Bad {
  const char* text;
  const char* problems;
};

const Bad bad_configs[] = {
    // Syntax.
    {"",
     "f: syntax error at line 1, column 1: unexpected end of input; expected '[', '{', or a "
     "literal"},
    {"{\n  \"keys\": {\"a\": {}},\n}",
     "f: syntax error at line 3, column 1: unexpected '}'; expected string literal (remove the "
     "comma before it)"},
    {"{ keys: {} }",
     "f: syntax error at line 1, column 3: invalid literal; expected string literal"},
    {"{\"keys\": {}} 7",
     "f: syntax error at line 1, column 14: unexpected number literal; "
     "expected end of input"},
    {"{\"gateway\": {\"clients\": {\"a\": {\"api_key\": \"secret-of-the-cl\nient\"}}}}",
     "f: syntax error at line 1, column 60: invalid string: control character U+000A (LF) must be "
     "escaped to \\u000A or \\n"},
    {"{\"events\": {\"keep\": 1e999}}", "f: syntax error at line 1, column 25: number overflow"},
    {"{\"log\": {\"level\": \"\xff\"}}",
     "f: syntax error at line 1, column 20: invalid string: ill-formed UTF-8 byte"},
    {"/* open", "f: syntax error at line 1, column 8: invalid comment; missing closing '*/'"},
    {"[]", "f: must be an object, not a list"},
    {"null", "f: must be an object, not null"},

    // Names of members.
    {R"({"keys": {}, "log": {}, "keys": {}, "log": {"level": "info", "level": "info"}})",
     "f: /keys: is given twice; keep one\nf: /log: is given twice; keep one\n"
     "f: /log/level: is given twice; keep one"},
    {R"({"queus": {}})", "f: /queus: unknown name; did you mean \"queues\"?"},
    {R"({"queues": {"a": {"visibilty": "30s"}}})",
     "f: /queues/a/visibilty: unknown name; did you mean \"visibility\"?"},
    {R"({"kms": {"zzz": 1}})", "f: /kms/zzz: unknown name; known here: latency"},
    {R"({"queues": {"a b": {}}})",
     "f: /queues/a b: \"a b\" is not a valid name, for example \"orders-2\""},
    {R"({"queues": {"": {}}})", "f: /queues/: \"\" is not a valid name, for example \"orders-2\""},
    {"{\"queues\": {\"a/~\\u001b\": {}}}",
     "f: /queues/a~1~0?: \"a/~\\u001b\" is not a valid name, for example \"orders-2\""},

    // Types and bounds.
    {R"({"queues": []})", "f: /queues: must be an object, not a list"},
    {R"({"queues": {"a": {"depth": "100"}}})",
     "f: /queues/a/depth: must be a whole number, not a string"},
    {R"({"queues": {"a": {"depth": 1.5}}})",
     "f: /queues/a/depth: must be a whole number, not a number"},
    {R"({"queues": {"a": {"depth": 0}}})", "f: /queues/a/depth: must be at least 1"},
    {R"({"queues": {"a": {"depth": -1}}})", "f: /queues/a/depth: must be at least 1"},
    {R"({"queues": {"a": {"depth": 18446744073709551615}}})",
     "f: /queues/a/depth: must be at most 10000000"},
    {R"({"queues": {"a": {"visibility": 30}}})",
     "f: /queues/a/visibility: must be a duration such as \"800ms\", \"30s\" or \"12h\", not a "
     "whole number"},
    {R"({"queues": {"a": {"visibility": "30 s"}}})",
     "f: /queues/a/visibility: \"30 s\" is not a duration such as \"800ms\", \"30s\" or \"12h\""},
    {R"({"queues": {"a": {"visibility": "13h"}}})",
     "f: /queues/a/visibility: must be at most \"12h\""},
    {R"({"queues": {"a": {"retention": "59s"}}})",
     "f: /queues/a/retention: must be at least \"60s\""},
    {R"({"queues": {"a": {"message_size": "1MB"}}})",
     "f: /queues/a/message_size: \"1MB\" is not a size such as \"64KiB\" or \"1MiB\", or a number "
     "of bytes"},
    {R"({"queues": {"a": {"message_size": true}}})",
     "f: /queues/a/message_size: must be a size such as \"64KiB\" or \"1MiB\", or a number of "
     "bytes, not true or false"},
    {R"({"queues": {"a": {"message_size": 1048577}}})",
     "f: /queues/a/message_size: must be at most \"1MiB\""},
    {R"({"gateway": {"limits": {"rate": 100}}})",
     "f: /gateway/limits/rate: must be a rate such as \"200/s\", not a whole number"},
    {R"({"gateway": {"limits": {"rate": "100/m"}}})",
     "f: /gateway/limits/rate: \"100/m\" is not a rate such as \"200/s\""},
    {R"({"stores": {"A": {"engine": "sqlit"}}})",
     "f: /stores/A/engine: \"sqlit\" is not \"memory\", \"sqlite\" or \"lmdb\"; did you mean "
     "\"sqlite\"?"},
    {R"({"stores": {"A": {"engine": "oracle"}}})",
     "f: /stores/A/engine: \"oracle\" is not \"memory\", \"sqlite\" or \"lmdb\""},
    {R"({"gateway": {"clients": {"a": {"api_key": "short"}}}})",
     "f: /gateway/clients/a/api_key: must have at least 8 characters"},
    {R"({"gateway": {"clients": {"a": {}}}})",
     "f: /gateway/clients/a: needs at least one of \"api_key\", \"sigv4\", \"jwt\" or "
     "\"certificate\""},
    {R"({"gateway": {"clients": {"a": {"api_kee": "demo-lender-key"}}}})",
     "f: /gateway/clients/a/api_kee: unknown name; did you mean \"api_key\"?"},
    {R"({"gateway": {"status_path": "status"}})",
     "f: /gateway/status_path: \"status\" is not of the right form, for example \"/status\""},
    {R"({"gateway": {"tokens": {"cookie.cpf": "cpf"}}, "tokens": {"cpf": {"key": "k"}},
         "keys": {"k": {}}})",
     "f: /gateway/tokens/cookie.cpf: \"cookie.cpf\" is not a valid name, for example "
     "\"path.cpf\""},
    {R"({"latency": {"calls": {"a": {"p50": "9ms", "p99": "5ms"}}}})",
     "f: /latency/calls/a/p99: must be at least \"p50\", which is \"9ms\""},
    {R"({"latency": {"stores": {"a": {"read": {"p50": "9ms", "p99": "x"}}}}})",
     "f: /latency/stores/a: \"write\" is missing\n"
     "f: /latency/stores/a/read/p99: \"x\" is not a duration such as \"800ms\", \"30s\" or "
     "\"12h\""},

    // Choices of required members.
    {R"({"functions": {"f": {}}})",
     "f: /functions/f: needs \"builtin\", \"native\", \"command\" or \"runtime\""},
    {R"({"functions": {"f": {"buildin": "echo"}}})",
     "f: /functions/f/buildin: unknown name; did you mean \"builtin\"?"},
    {R"({"functions": {"f": {"builtin": "echo", "native": "x"}}})",
     "f: /functions/f/native: \"native\" does not go with \"builtin\""},
    {R"({"functions": {"f": {"builtin": "record.gett"}}})",
     "f: /functions/f/builtin: \"record.gett\" is not \"record.get\", \"record.put\", "
     "\"record.append\", \"record.query\", \"record.delete\", \"respond\" or \"echo\"; did you "
     "mean \"record.get\"?"},

    // Dangling names.
    {R"({"queues": {"vault": {"dead_letter": {"queue": "valt-dlq", "max_receives": 5}},
                    "vault-dlq": {}}})",
     "f: /queues/vault/dead_letter/queue: \"valt-dlq\" is not defined in /queues; did you mean "
     "\"vault-dlq\"?"},
    {R"({"gateway": {"ledger_key": "vault"}})",
     "f: /gateway/ledger_key: \"vault\" is not defined in /keys"},
    {R"({"gateway": {"ledger_key": "vault"}, "keys": {"tokens": {}, "other": {}}})",
     "f: /gateway/ledger_key: \"vault\" is not defined in /keys; known: \"other\" and \"tokens\""},
    {R"({"gateway": {"ledger_key": "vault"}, "keys": 7})",
     "f: /keys: must be an object, not a whole number"},
    {R"({"gateway": {"ledger_key": "vault"}, "keis": {"vault": {}}})",
     "f: /keis: unknown name; did you mean \"keys\"?"},
    {R"({"kms": {"latency": "kms"}, "latency": {"calls": {"kmss": {"p50": "1ms", "p99": "1ms"}}}})",
     "f: /kms/latency: \"kms\" is not defined in /latency/calls; did you mean \"kmss\"?"},
    {R"({"kms": {"latency": 5}})",
     "f: /kms/latency: must be a string or an object, not a whole number"},
    {R"({"kms": {"latency": {"p50": "1ms"}}})", "f: /kms/latency: \"p99\" is missing"},
    {R"({"stores": {"B": {"collections": {"profile": {"key": "id", "fields": {"id": {"type":
         "uuid"}}}}}}, "read_models": {
           "m": {"from": ["B/profil"], "key": "id", "select": {"x": "profile.id"}},
           "n": {"from": ["C/profile"], "key": "id", "select": {"x": "profile.id"}},
           "o": {"from": ["B"], "key": "id", "select": {"x": "profile"}},
           "p": {"from": [], "key": "id", "select": {}}}})",
     "f: /read_models/m/from/0: \"B/profil\" is not defined in /stores/B/collections; did you mean "
     "\"B/profile\"?\n"
     "f: /read_models/n/from/0: \"C\" is not defined in /stores; known: \"B\"\n"
     "f: /read_models/o/from/0: \"B\" is not of the right form, for example \"B/profile\"\n"
     "f: /read_models/o/select/x: \"profile\" is not of the right form, for example "
     "\"profile.age\"\n"
     "f: /read_models/p/from: is empty\n"
     "f: /read_models/p/select: is empty"},

    // Roles: what is not enforced is not accepted, and resources are there.
    {R"({"stores": {"B": {"collections": {"profile": {"key": "id", "fields": {"id": {"type": "uuid"}}}}},
                    "C": {}},
         "roles": {"r": {"allow": [{"do": "store:get", "on": "B/profil"},
                                   {"do": "store:get", "on": "D/profile"},
                                   {"do": "store:*", "on": "C/trail"},
                                   {"do": "store:read", "on": "B/*"},
                                   {"do": "kms:CreateKey", "on": "*"},
                                   {"do": "store:*", "on": "B"},
                                   {"on": "*", "purposes": ["x"]}]}},
         "functions": {"f": {"command": ["x"], "role": "rr"}, "g": {"builtin": "echo", "role": "rrr"}}})",
     "f: /functions/f/role: \"rr\" is not defined in /roles; did you mean \"r\"?\n"
     "f: /functions/g/role: \"rrr\" is not defined in /roles; known: \"r\"\n"
     "f: /roles/r/allow/0/on: \"B/profil\" is not defined in /stores/B/collections, /keys, /queues "
     "or "
     "/functions; did "
     "you mean \"B/profile\"?\n"
     "f: /roles/r/allow/1/on: \"D\" is not defined in /stores, /keys, /queues or /functions; "
     "known: \"B\", "
     "\"C\", \"f\", \"g\" and "
     "\"*\"\n"
     "f: /roles/r/allow/2/on: \"C/trail\" is not defined in /stores/C/collections, /keys, /queues "
     "or "
     "/functions; known: "
     "\"C/*\", \"f\", \"g\" and \"*\"\n"
     "f: /roles/r/allow/3/do: \"store:read\" is not \"store:get\", \"store:query\", "
     "\"store:put\", \"store:erase\", \"store:changes\", \"store:*\", \"kms:DescribeKey\", "
     "\"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncryptFrom\", \"kms:ReEncryptTo\", "
     "\"kms:GenerateDataKey\", \"kms:GenerateDataKeyWithoutPlaintext\", "
     "\"kms:GenerateDataKeyPair\", \"kms:GenerateDataKeyPairWithoutPlaintext\", \"kms:Sign\", "
     "\"kms:Verify\", \"kms:GetPublicKey\", \"kms:GenerateMac\", \"kms:VerifyMac\", "
     "\"kms:GetKeyRotationStatus\", \"kms:ListKeyRotations\", \"kms:*\", \"queue:send\", "
     "\"queue:receive\", "
     "\"queue:describe\", \"queue:manage\", \"queue:*\", \"function:invoke\", "
     "\"function:manage\" or \"function:*\"; "
     "did you mean "
     "\"store:get\"?\n"
     "f: /roles/r/allow/4/do: \"kms:CreateKey\" is not \"store:get\", \"store:query\", "
     "\"store:put\", \"store:erase\", \"store:changes\", \"store:*\", \"kms:DescribeKey\", "
     "\"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncryptFrom\", \"kms:ReEncryptTo\", "
     "\"kms:GenerateDataKey\", \"kms:GenerateDataKeyWithoutPlaintext\", "
     "\"kms:GenerateDataKeyPair\", \"kms:GenerateDataKeyPairWithoutPlaintext\", \"kms:Sign\", "
     "\"kms:Verify\", \"kms:GetPublicKey\", \"kms:GenerateMac\", \"kms:VerifyMac\", "
     "\"kms:GetKeyRotationStatus\", \"kms:ListKeyRotations\", \"kms:*\", \"queue:send\", "
     "\"queue:receive\", "
     "\"queue:describe\", \"queue:manage\", \"queue:*\", \"function:invoke\", "
     "\"function:manage\" or \"function:*\"\n"
     "f: /roles/r/allow/5/on: \"B\" is not defined in /stores/B/collections, /keys, /queues or "
     "/functions; "
     "known: "
     "\"B/profile\", \"B/*\", \"f\", \"g\" and \"*\"\n"
     "f: /roles/r/allow/6: \"do\" is missing\n"
     "f: /roles/r/allow/6/purposes: unknown name; did you mean \"purpose\"?"},

    // Fields: alternatives told apart by a member or by its value.
    {R"({"stores": {"A": {"collections": {"c": {"key": "idd", "subject": "who", "fields": {
           "id": {"type": "uuid"}, "a": {"type": "enumm"}, "b": {"type": "enum"}, "c": {},
           "d": {"typ": "string"}, "e": {"ref": "nowhere"}, "f": {"token_of": "x", "of": []},
           "g": {"type": "list", "max": 0}, "h": {"type": "string", "max": 3}, "i": 5,
           "j": {"type": 5}, "2k": {"type": "json"}, "l": {"ref": "c", "token_of": "x"},
           "m": {"type": "list", "of": {"n": {"type": "string", "class": "public"}}},
           "o": {"class": "public", "max": 1}},
         "indexes": [["id", "h"], ["z"], []]}}}}})",
     "f: /stores/A/collections/c/fields/2k: \"2k\" is not a valid name, for example "
     "\"amount_cents\"\n"
     "f: /stores/A/collections/c/fields/a/type: \"enumm\" is not \"string\", \"int\", \"decimal\", "
     "\"bool\", \"time\", \"date\", \"uuid\", \"json\", \"enum\" or \"list\"; did you mean "
     "\"enum\"?\n"
     "f: /stores/A/collections/c/fields/b: \"of\" is missing\n"
     "f: /stores/A/collections/c/fields/c: needs \"type\", \"ref\" or \"token_of\"\n"
     "f: /stores/A/collections/c/fields/d/typ: unknown name; did you mean \"type\"?\n"
     "f: /stores/A/collections/c/fields/e/ref: \"nowhere\" is not defined in "
     "/stores/A/collections; known: \"c\"\n"
     "f: /stores/A/collections/c/fields/f/of: \"of\" does not go with \"token_of\"\n"
     "f: /stores/A/collections/c/fields/f/token_of: \"x\" is not defined in /tokens\n"
     "f: /stores/A/collections/c/fields/g/max: must be at least 1\n"
     "f: /stores/A/collections/c/fields/h/max: \"max\" does not go with \"type\": \"string\"\n"
     "f: /stores/A/collections/c/fields/i: must be an object, not a whole number\n"
     "f: /stores/A/collections/c/fields/j/type: must be a string, not a whole number\n"
     "f: /stores/A/collections/c/fields/l/token_of: \"token_of\" does not go with \"ref\"\n"
     "f: /stores/A/collections/c/fields/m/of/n/class: unknown name; known here: format, required "
     "and type\n"
     "f: /stores/A/collections/c/fields/o: needs \"type\", \"ref\" or \"token_of\"\n"
     "f: /stores/A/collections/c/indexes/1/0: \"z\" is not defined in "
     "/stores/A/collections/c/fields\n"
     "f: /stores/A/collections/c/indexes/2: is empty\n"
     "f: /stores/A/collections/c/key: \"idd\" is not defined in /stores/A/collections/c/fields; "
     "did you mean \"id\"?\n"
     "f: /stores/A/collections/c/subject: \"who\" is not defined in "
     "/stores/A/collections/c/fields"},

    // Routes: two kinds, and each of them once.
    {R"({"queues": {"q": {}}, "functions": {"f": {"builtin": "echo"}}, "gateway": {"routes": [
           {"route": "GET /a", "event": "a", "via": "q", "to": "f"},
           {"route": "GET a", "event": "a", "via": "qq", "to": "f"},
           {"route": "GET /a", "event": "a", "via": "q", "to": "f"},
           {"route": "GET /b", "model": "m"},
           {"route": "GET /c"},
           {"route": "GET /d", "event": "a", "via": "q", "to": "f", "model": "m"},
           {"route": "GET /e", "evnt": "a", "via": "q", "to": "f"},
           {"route": "GET /f", "evnt": "a"},
           {"route": "GET /g", "event": "a", "via": "q", "to": "f", "reply": "never"},
           {"route": "GET /h", "event": "a", "via": "q", "to": "f", "body": {"x": {"ref": "y"}}}
         ]}})",
     "f: /gateway/routes/1/route: \"GET a\" is not of the right form, for example \"GET "
     "/v1/people/{cpf}\"\n"
     "f: /gateway/routes/1/via: \"qq\" is not defined in /queues; did you mean \"q\"?\n"
     "f: /gateway/routes/2/route: \"GET /a\" is already the route of item 0\n"
     "f: /gateway/routes/3: \"key\" is missing\n"
     "f: /gateway/routes/3/model: \"m\" is not defined in /read_models\n"
     "f: /gateway/routes/4: needs \"event\" or \"model\"\n"
     "f: /gateway/routes/5/model: \"model\" does not go with \"event\"\n"
     "f: /gateway/routes/6/evnt: unknown name; did you mean \"event\"?\n"
     "f: /gateway/routes/7/evnt: unknown name; did you mean \"event\"?\n"
     "f: /gateway/routes/8/reply: \"never\" is not \"sync\" or \"async\"\n"
     "f: /gateway/routes/9/body/x: \"type\" is missing\n"
     "f: /gateway/routes/9/body/x/ref: unknown name; known here: format, max, of, required and "
     "type"},
    {R"({"queues": {"q": {}}, "functions": {"f": {"builtin": "echo"}}, "sources": [
           {"queue": "q", "function": "f"}, {"queue": "q", "function": "f", "batch": 10001}]})",
     "f: /sources/1/batch: must be at most 10000\n"
     "f: /sources/1/queue: \"q\" is already the queue of item 0"},
};

// A scenario with one part replaced.
std::string scenario(std::string_view name, std::string_view part) {
  nlohmann::json document = nlohmann::json::parse(R"({
    "name": "n", "config": "c.json",
    "data": {"cpf": {"gen": "cpf"}},
    "population": {"people": {"count": 5, "of": ["cpf"]}},
    "traffic": [{"id": "reads", "count": 1, "arrival": {"poisson": "1/s"},
                 "request": {"method": "GET", "path": "/"}}],
    "faults": [{"id": "slow", "fault": "store.error", "probability": 0.5}],
    "steps": [{"run": "reads"}],
    "expect": [{"check": "quiesces", "within": "1m"}]})");
  document[std::string(name)] = nlohmann::json::parse(part);
  return document.dump();
}

struct BadPart {
  const char* name;
  const char* part;
  const char* problems;
};

const BadPart bad_scenarios[] = {
    {"seeds", R"({"from": -1, "count": 0})",
     "f: /seeds/count: must be at least 1\nf: /seeds/from: must be at least 0"},
    {"data", R"({"cpf": {"gen": "cpff"}, "a": {"min": 1}, "b": {"gen": "int", "min": 5, "max": 4},
                 "c": {"gen": "date", "from": "2025-02-30", "to": "2025-03-01"},
                 "d": {"gen": "date", "from": "2025-03-02", "to": "2025-03-01"},
                 "e": {"gen": "list", "of": {"gen": "choice", "of": []}},
                 "f": {"gen": "uuid", "length": 3}})",
     "f: /data/a: \"gen\" is missing\n"
     "f: /data/b/max: must be at least \"min\", which is 5\n"
     "f: /data/c/from: \"2025-02-30\" is not a date such as \"2026-03-01\"\n"
     "f: /data/cpf/gen: \"cpff\" is not \"cpf\", \"name\", \"address\", \"uuid\", \"time\", "
     "\"int\", \"digits\", \"date\", \"choice\", \"list\" or \"object\"; did you mean \"cpf\"?\n"
     "f: /data/d/to: must be at least \"from\", which is \"2025-03-02\"\n"
     "f: /data/e/of/of: is empty\n"
     "f: /data/f/length: \"length\" does not go with \"gen\": \"uuid\""},
    {"population", R"({"people": {"count": 5, "of": ["cfp"], "access": {"zip": 1}}})",
     "f: /population/people/access/zip: unknown name; did you mean \"zipf\"?\n"
     "f: /population/people/of/0: \"cfp\" is not defined in /data; did you mean \"cpf\"?"},
    {"traffic", R"([
       {"id": "reads", "count": 1, "each": "people", "arrival": {"poisson": "1/s"},
        "request": {"method": "GET", "path": "/{{cfp}}",
                    "headers": {"A": "{{n}}", "B": "{{x"},
                    "body": [{"a": "{{cpf}} {{cpff}}"}]}},
       {"id": "reads", "arrival": {"poison": "1/s"}, "request": {"method": "GET", "path": "/"}},
       {"id": "c", "each": "people", "pick": "people", "arrival": {"constant": "0/s"},
        "request": {"method": "get", "path": "x"}}])",
     "f: /traffic/0: has \"count\" and \"each\"; keep one\n"
     "f: /traffic/0/request/body/0/a: {{cpff}} is not defined in /data; did you mean {{cpf}}?\n"
     "f: /traffic/0/request/headers/B: {{}} is not defined in /data; known: {{cpf}} and {{n}}\n"
     "f: /traffic/0/request/path: {{cfp}} is not defined in /data; did you mean {{cpf}}?\n"
     "f: /traffic/1: needs \"count\" or \"each\"\n"
     "f: /traffic/1/arrival/poison: unknown name; did you mean \"poisson\"?\n"
     "f: /traffic/1/id: \"reads\" is already the id of item 0\n"
     "f: /traffic/2: \"pick\" needs \"count\"\n"
     "f: /traffic/2/arrival/constant: must be at least \"1/s\"\n"
     "f: /traffic/2/request/method: \"get\" is not \"GET\", \"POST\", \"PUT\", \"PATCH\" or "
     "\"DELETE\"\n"
     "f: /traffic/2/request/path: \"x\" is not of the right form, for example "
     "\"/v1/people/{{cpf}}\""},
    {"faults", R"([
       {"id": "a", "fault": "worker.crsh", "probability": 1},
       {"id": "b", "fault": "queue.delay", "target": "q", "probability": 0.5, "at": "1s"},
       {"id": "c", "fault": "store.error", "for": "1s", "probability": 2},
       {"id": "d", "fault": "store.error", "when": {"point": "store.read", "nth": [0]}},
       {"id": "e", "fault": "kms.throttle", "when": {"nth": []}, "restart": "1s"},
       {"id": "f", "fault": "worker.crash"},
       {"fault": "worker.crash", "at": "1s", "for": "2s"}])",
     "f: /faults/0/fault: \"worker.crsh\" is not \"worker.crash\", \"worker.error\", "
     "\"worker.slow\", \"worker.pause\", \"worker.timeout\", \"worker.garbage\", "
     "\"worker.partial_batch\", \"worker.cold_start\", \"queue.duplicate\", "
     "\"queue.delay\", \"queue.reorder\", "
     "\"queue.drop_ack\", \"queue.throttle\", \"queue.poison\", \"store.latency\", "
     "\"store.error\", \"kms.throttle\", \"kms.disable_key\" or \"kms.rotate\"; did you mean "
     "\"worker.crash\"?\n"
     "f: /faults/1: \"add\" is missing\n"
     "f: /faults/1: has \"probability\" and \"at\"; keep one\n"
     "f: /faults/2: \"for\" needs \"at\"\n"
     "f: /faults/2/probability: must be at most 1\n"
     "f: /faults/3/when/nth/0: must be at least 1\n"
     "f: /faults/3/when/point: unknown name; known here: nth\n"
     "f: /faults/4/restart: \"restart\" does not go with \"fault\": \"kms.throttle\"\n"
     "f: /faults/4/when/nth: is empty\n"
     "f: /faults/5: needs \"probability\", \"at\" or \"when\"\n"
     "f: /faults/6: \"id\" is missing"},
    {"traffic", R"([
       {"id": "reads", "count": 1, "arrival": {"poisson": "1/s"}},
       {"id": "b", "arrival": {"poisson": "1/s"}, "send": {"queue": "q", "body": "{{cfp}}"}},
       {"id": "c", "count": 1, "arrival": {"poisson": "1/s"},
        "send": {"queue": "q", "group": "", "delay": "16m", "attributes": {"-": "{{n}}", "a": 1}}},
       {"id": "d", "count": 1, "arrival": {"poisson": "1/s"}, "sned": {}},
       {"id": "e", "count": 1, "arrival": {"poisson": "1/s"}, "send": {"queue": "q", "body": 1},
        "request": {"method": "GET", "path": "/"}}])",
     "f: /traffic/0: needs \"request\" or \"send\"\n"
     "f: /traffic/1: needs \"count\" or \"each\"\n"
     "f: /traffic/1/send/body: {{cfp}} is not defined in /data; did you mean {{cpf}}?\n"
     "f: /traffic/2/send: needs \"body\" or \"copy_of\"\n"
     "f: /traffic/2/send/attributes/-: \"-\" is not a valid name, for example \"tenant\"\n"
     "f: /traffic/2/send/attributes/a: must be a string, not a whole number\n"
     "f: /traffic/2/send/delay: must be at most \"900s\"\n"
     "f: /traffic/2/send/group: is empty\n"
     "f: /traffic/3/sned: unknown name; did you mean \"send\"?\n"
     "f: /traffic/4/send: \"send\" does not go with \"request\""},
    {"faults", R"([
       {"id": "slow", "fault": "queue.poison", "probability": 1, "add": {"p50": "1s", "p99": "1s"}},
       {"id": "b", "fault": "queue.throttle", "when": {"point": "queue.delete", "nth": [1]}},
       {"id": "c", "fault": "queue.reorder", "when": {"point": "queue.receive", "nth": [1]}},
       {"id": "d", "fault": "queue.drop_ack"}])",
     "f: /faults/0/add: \"add\" does not go with \"fault\": \"queue.poison\"\n"
     "f: /faults/1/when/point: \"queue.delete\" is not \"queue.send\" or \"queue.receive\"; "
     "did you mean \"queue.receive\"?\n"
     "f: /faults/2/when/point: unknown name; known here: nth\n"
     "f: /faults/3: needs \"probability\", \"at\" or \"when\""},
    {"expect", R"([{"check": "queue.depth", "queue": "q", "state": "redy"},
                   {"check": "delivery.attempts", "max": 0},
                   {"check": "delivery.attempts", "of": "raeds", "queue": "q"},
                   {"check": "queue.one_lease", "of": "reads"},
                   {"check": "queue.fifo_per_group", "queue": ""}])",
     "f: /expect/0: needs at least one of \"eq\" or \"max\"\n"
     "f: /expect/0/state: \"redy\" is not \"ready\", \"delayed\", \"in_flight\" or \"total\"; "
     "did you mean \"ready\"?\n"
     "f: /expect/1: needs \"of\" or \"queue\"\n"
     "f: /expect/1/max: must be at least 1\n"
     "f: /expect/2: \"max\" is missing\n"
     "f: /expect/2: has \"of\" and \"queue\"; keep one\n"
     "f: /expect/2/of: \"raeds\" is not defined in /traffic; did you mean \"reads\"?\n"
     "f: /expect/3/of: \"of\" does not go with \"check\": \"queue.one_lease\"\n"
     "f: /expect/4/queue: is empty"},
    {"steps", R"([{"run": "raeds"}, {"run": ["reads", 5]}, {"heal": "slw"}, {"advance": "idel"},
                  {"advance": "10m"}, {"run": "reads", "heal": "*"}, {"runn": "reads"}, {},
                  {"run": {}}, {"advance": 5}])",
     "f: /steps/0/run: \"raeds\" is not defined in /traffic; did you mean \"reads\"?\n"
     "f: /steps/1/run/1: must be a string, not a whole number\n"
     "f: /steps/2/heal: \"slw\" is not defined in /faults; did you mean \"slow\"?\n"
     "f: /steps/3/advance: \"idel\" is not a duration such as \"800ms\", \"30s\" or \"12h\"\n"
     "f: /steps/5/heal: \"heal\" does not go with \"run\"\n"
     "f: /steps/6/runn: unknown name; did you mean \"run\"?\n"
     "f: /steps/7: needs \"run\", \"heal\" or \"advance\"\n"
     "f: /steps/8/run: must be a string or a list, not an object\n"
     "f: /steps/9/advance: must be \"idle\" or a duration such as \"800ms\", \"30s\" or \"12h\", "
     "not a whole number"},
    {"expect", R"([{"check": "latency", "of": "reads"}, {"check": "http.ratio", "of": "reads"},
                   {"check": "http.ratio", "of": ["x"], "status": "2x", "min": 1},
                   {"check": "reached", "point": "fault:slwo"}, {"check": "reached", "point": "k"},
                   {"check": "dlq.count", "queue": "q"}, {"check": "dlq.count", "eq": 0},
                   {"check": "secrets.no_plaintext", "in": ["disc"]},
                   {"check": "effect.once", "effect": "A", "of": "reads"},
                   {"check": "history.hash", "eq": "0x12"}, {"check": "quiesce"}])",
     "f: /expect/0: needs at least one of \"p50\", \"p99\" or \"max\"\n"
     "f: /expect/1: \"status\" is missing\n"
     "f: /expect/1: \"min\" is missing\n"
     "f: /expect/2/of/0: \"x\" is not defined in /traffic; known: \"reads\"\n"
     "f: /expect/2/status: \"2x\" is not of the right form, for example \"2xx\"\n"
     "f: /expect/3/point: \"fault:slwo\" is not defined in /faults; did you mean \"fault:slow\"?\n"
     "f: /expect/4/point: \"k\" is not defined in /faults\n"
     "f: /expect/5: needs at least one of \"eq\" or \"max\"\n"
     "f: /expect/6: \"queue\" is missing\n"
     "f: /expect/7/in/0: \"disc\" is not \"disk\", \"queue\", \"logs\", \"traces\" or \"report\"; "
     "did you mean \"disk\"?\n"
     "f: /expect/8/effect: \"A\" is not of the right form, for example \"A.person\"\n"
     "f: /expect/9/eq: \"0x12\" is not of the right form, for example \"00c0ffee00c0ffee\"\n"
     "f: /expect/10/check: \"quiesce\" is not \"http.ratio\", \"http.same\", \"latency\", "
     "\"delivery.no_loss\", "
     "\"effect.once\", \"dlq.count\", \"queue.fifo_per_group\", \"queue.one_lease\", "
     "\"queue.depth\", \"delivery.attempts\", \"secrets.no_plaintext\", \"reached\", "
     "\"history.hash\", \"quiesces\", \"cost\", \"compare\", \"access.denied\" or "
     "\"secrets.decrypt_only_by\"; did you mean \"quiesces\"?"},
};

}  // namespace

TEST_CASE("config: each mistake in a config is one problem with its place and a remedy") {
  for (const Bad& bad : bad_configs) {
    CAPTURE(bad.text);
    CHECK(problems_of(bad.text, config_schema()) == bad.problems);
  }
}

TEST_CASE("config: each mistake in a scenario is one problem with its place and a remedy") {
  REQUIRE(problems_of(scenario("name", "\"n\""), scenario_schema()).empty());
  for (const BadPart& bad : bad_scenarios) {
    CAPTURE(bad.part);
    CHECK(problems_of(scenario(bad.name, bad.part), scenario_schema()) == bad.problems);
  }
  CHECK(problems_of("{}", scenario_schema()) ==
        "f: \"name\" is missing\nf: \"config\" is missing\nf: \"traffic\" is missing\n"
        "f: \"steps\" is missing\nf: \"expect\" is missing");
}

TEST_CASE("config: comments, defaults and whole numbers written as decimals are fine") {
  nlohmann::json document;
  const auto problems = validate("/* a */ {\n// b\n\"queues\": {\"q\": {\"depth\": 5e3}}}", "f",
                                 config_schema(), document);
  CHECK(problems.empty());
  const nlohmann::json& queue = document.at("queues").at("q");
  CHECK(queue.at("depth").is_number_integer());
  CHECK(queue.at("depth") == 5000);
  CHECK(queue.at("visibility") == "30s");
  CHECK(document.at("gateway").at("limits").at("body") == "1MiB");
}

TEST_CASE("config: a problem is found among items in the order of their numbers") {
  std::string text = R"({"sources": [)";
  for (int i = 0; i < 12; ++i) text += i == 0 ? "1" : ",1";
  nlohmann::json document;
  const auto problems = validate(text + "]}", "f", config_schema(), document);
  REQUIRE(problems.size() == 12);
  CHECK(problems[2].pointer == "/sources/2");
  CHECK(problems[11].pointer == "/sources/11");
}

TEST_CASE("config: hostile documents end in a problem, not in a crash") {
  nlohmann::json document;
  const std::string deep(100'000, '[');
  auto problems = validate(deep, "f", config_schema(), document);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text == "is nested deeper than 64 levels");

  const std::string large(file_bytes_max + 1, ' ');
  problems = validate(large, "f", config_schema(), document);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text == "is larger than 16 MiB");

  std::string many = "{\"a\": 0";
  for (int i = 0; i < 5000; ++i) many += ", \"a" + std::to_string(i) + "\": 0";
  problems = validate(many + "}", "f", config_schema(), document);
  REQUIRE(problems.size() == problems_max + 1);
  CHECK(problems.back().text == "there are more problems than these 100; mend them first");

  const std::string long_name(1 << 20, 'x');
  problems = validate("{\"gateway\": {\"ledger_key\": \"" + long_name + "\"}}", "f",
                      config_schema(), document);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text.size() < 200);
}

TEST_CASE("config: a file that cannot be read is a problem") {
  nlohmann::json document;
  auto problems = load("no/such/file.json", config_schema(), document);
  REQUIRE(problems.size() == 1);
  CHECK(to_text(problems[0]) == "no/such/file.json: cannot be opened: No such file or directory");
  problems = load("tests", config_schema(), document);
  REQUIRE(problems.size() == 1);
  CHECK(to_text(problems[0]) == "tests: cannot be read: Is a directory");
}

}  // namespace porteiro::config
