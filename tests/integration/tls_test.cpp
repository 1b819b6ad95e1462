// Goal: TLS at the gateway's port, with real clients (curl, openssl) and certificates that are made
// here for a day: what it takes, whom it names, and that nothing else gets through.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "integration/process.hpp"
#include "integration/wire.hpp"

namespace porteiro::integration {
namespace {

struct Ran {
  int code = 0;
  std::string out;
};

// A command of the shell, to its end; both of its outputs.
Ran shell(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  std::array<char, 4096> bytes;
  while (const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), pipe)) {
    ran.out.append(bytes.data(), size);
  }
  const int status = ::pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

// An authority and what it signs, in a directory.
class Certificates {
 public:
  explicit Certificates(std::string directory) : directory_(std::move(directory)) {
    authority("ca", "/CN=Test Authority");
    authority("other-ca", "/CN=Another Authority");
    make("server", "/CN=localhost", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    make("bank", "/O=Example/CN=bank", "ca", "extendedKeyUsage=clientAuth");
    make("branch", "/O=Example/CN=branch", "ca", "extendedKeyUsage=clientAuth");
    make("stranger", "/O=Example/CN=bank", "other-ca", "extendedKeyUsage=clientAuth");
    make("server-only", "/O=Example/CN=bank", "ca", "extendedKeyUsage=serverAuth");
  }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string client(const std::string& name) const {  // For curl.
    return " --cert " + path(name + ".pem") + " --key " + path(name + "-key.pem");
  }
  std::string fingerprint(const std::string& name) const {
    std::string text = run("x509 -noout -fingerprint -sha256 -in " + path(name + ".pem"));
    text = text.substr(text.find('=') + 1);
    std::erase_if(text, [](char c) { return c == ':' || c == '\n'; });
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    return text;
  }
  std::string run(const std::string& arguments) const {
    const Ran ran = shell("openssl " + arguments);
    REQUIRE_MESSAGE(ran.code == 0, arguments, ": ", ran.out);
    return ran.out;
  }

 private:
  std::string new_key(const std::string& name) const {
    return "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + path(name + "-key.pem");
  }
  void authority(const std::string& name, const std::string& subject) const {
    run("req -x509 -days 1 -subj '" + subject + "' " + new_key(name) + " -out " +
        path(name + ".pem"));
  }
  void make(const std::string& name, const std::string& subject, const std::string& by,
            const std::string& extension) const {
    run("req -new -subj '" + subject + "' " + new_key(name) + " -out " + path(name + ".csr"));
    write_file(path(name + ".ext"), extension + "\n");
    run("x509 -req -days 1 -in " + path(name + ".csr") + " -CA " + path(by + ".pem") + " -CAkey " +
        path(by + "-key.pem") + " -CAcreateserial -extfile " + path(name + ".ext") + " -out " +
        path(name + ".pem"));
  }
  std::string directory_;
};

constexpr const char* person_path = "/v1/people/11144477735/trail";

struct Served {
  explicit Served(const std::function<void(json&, const Certificates&)>& change)
      : certificates(directory.path()),
        config(example_variant(directory.path("config.json"),
                               [&](json& document) {
                                 document["listen"]["tls"] = {{"certificate", "server.pem"},
                                                              {"key", "server-key.pem"}};
                                 change(document, certificates);
                               })),
        porteiro(loop, {.config = config}) {}

  // The status, or "error N" of curl's own.
  std::string curl(const std::string& more, const std::string& path = person_path,
                   const std::string& scheme = "https") {
    const Ran ran = shell("curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --cacert " +
                          certificates.path("ca.pem") + " " + more + " '" + scheme +
                          "://localhost:" + std::to_string(porteiro.gateway_port()) + path + "'");
    return ran.code == 0 ? ran.out : "error " + std::to_string(ran.code);
  }
  std::string key(const char* name = lender) const {
    return std::string(" -H 'X-Api-Key: ") + name + "'";
  }

  Loop loop;
  TemporaryDirectory directory;
  Certificates certificates;
  std::string config;
  Instance porteiro;
};

}  // namespace

TEST_CASE("tls: requests go through it, of every size and over one connection") {
  Served served([](json& document, const Certificates&) {
    document["functions"]["echo"] = {{"builtin", "echo"}};
    document["gateway"]["routes"].push_back(
        {{"route", "POST /echo"}, {"event", "echoed"}, {"via", "fast"}, {"to", "echo"}});
  });
  CHECK(served.curl(served.key()) == "404");  // Nobody's trail: it went all the way.
  CHECK(served.curl("") == "401");
  CHECK(served.curl(served.key() + " --tlsv1.2 --tls-max 1.2") == "404");
  CHECK(served.curl(served.key() + " --tlsv1.3") == "404");
  CHECK(served.curl(served.key() + " --no-alpn") == "404");
  // A body of many records, in both directions.
  const std::string body = served.directory.path("body.json");
  write_file(body, R"({"cpf":"111.444.777-35","name":")" + std::string(100'000, 'x') + "\"}");
  CHECK(served.curl(served.key() + " -H 'Content-Type: application/json' -d @" + body,
                    "/v1/people") == "202");
  CHECK(served
            .curl(served.key() + " -H 'Content-Type: application/json' -d @" + body +
                      " -w '%{http_code} %{size_download}'",
                  "/echo")
            .starts_with("200 1000"));
  const std::string url = "https://localhost:" + std::to_string(served.porteiro.gateway_port());
  const std::string many = url + "/v1/people/[1-50]/trail";
  const Ran ran = shell("curl -sS -w '%{num_connects}.' -o /dev/null --cacert " +
                        served.certificates.path("ca.pem") + served.key() + " '" + many + "'");
  CHECK(ran.out == "1." + [] {
    std::string zeros;
    for (int i = 0; i < 49; ++i) zeros += "0.";
    return zeros;
  }());
  served.porteiro.stop();
}

TEST_CASE("tls: what is no TLS, too old, or another protocol is closed, and others are served") {
  Served served([](json& document, const Certificates&) {
    document["listen"]["tls"]["min_version"] = "1.3";
  });
  CHECK(served.curl(served.key(), person_path, "http").starts_with("error "));
  CHECK(served.curl(served.key() + " --tlsv1.2 --tls-max 1.2") == "error 35");
  const std::string port = std::to_string(served.porteiro.gateway_port());
  const std::string client = "openssl s_client -connect localhost:" + port + " -CAfile " +
                             served.certificates.path("ca.pem") + " </dev/null";
  CHECK(shell(client + " -alpn h2").code != 0);
  const Ran alpn = shell(client + " -alpn h2,http/1.1");
  CHECK(alpn.code == 0);
  CHECK(alpn.out.find("ALPN protocol: http/1.1") != std::string::npos);
  CHECK(alpn.out.find("Verification: OK") != std::string::npos);
  CHECK(shell(client + " -tls1_1 -cipher ALL:@SECLEVEL=0").code != 0);
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string(1000, '\0'),
        std::string("\x16\x03\x01\xff\xff\x01"), std::string(70'000, '\x16')}) {
    Wire wire(served.loop, served.porteiro.gateway_port());
    wire.send(bytes, 2s);
    wire.send_end();
    CHECK(wire.until_ended());
    CHECK(wire.received().find("HTTP/1.1") == std::string::npos);
  }
  CHECK(served.curl(served.key()) == "404");
  served.porteiro.stop();
}

TEST_CASE("tls: who begins a handshake and goes on no further is let go") {
  Served served(
      [](json& document, const Certificates&) { document["listen"]["idle_timeout"] = "1s"; });
  Wire silent(served.loop, served.porteiro.gateway_port());
  REQUIRE(silent.send(std::string("\x16\x03\x01", 3)));
  CHECK(silent.until_ended());
  CHECK(served.curl(served.key()) == "404");
}

TEST_CASE("tls: with an authority of clients, certificates alone get in, and name their client") {
  Served served([](json& document, const Certificates& certificates) {
    document["listen"]["tls"]["client_ca"] = "ca.pem";
    document["gateway"]["clients"]["bank"] = {{"certificate", {{"subject", "CN=bank,O=Example"}}},
                                              {"scopes", {"trail"}}};
    document["gateway"]["clients"]["branch"] = {
        {"certificate", {{"fingerprint", certificates.fingerprint("branch")}}},
        {"scopes", {"people"}}};
  });
  const Certificates& certificates = served.certificates;
  CHECK(served.curl(certificates.client("bank")) == "404");
  CHECK(served.curl(certificates.client("bank") + " --tlsv1.2 --tls-max 1.2") == "404");
  CHECK(served.curl(certificates.client("bank"), "/v1/people/11144477735") == "403");
  CHECK(served.curl(certificates.client("branch"), "/v1/people/11144477735") == "404");
  CHECK(served.curl(certificates.client("branch")) == "403");
  // Nobody's certificate, no certificate, one for other uses.
  for (const std::string& wrong :
       {std::string(), certificates.client("stranger"), certificates.client("server-only"),
        certificates.client("other-ca")}) {
    CAPTURE(wrong);
    CHECK(served.curl(wrong + served.key()).starts_with("error "));
  }
  // A certificate and another client's key.
  CHECK(served.curl(certificates.client("bank") + served.key()) == "401");
  served.porteiro.stop();
}

TEST_CASE("tls: files that cannot serve are refused at the start, with what to do") {
  Loop loop;
  TemporaryDirectory directory;
  const Certificates certificates(directory.path());
  const auto refusal = [&](const json& tls) {
    const std::string config = example_variant(
        directory.path("config.json"), [&](json& document) { document["listen"]["tls"] = tls; });
    const Finished finished =
        run(loop, {{"up", config, "--public-port", "0", "--inside-port", "0"}});
    CHECK(finished.code != 0);
    CHECK(finished.err.find("PRIVATE") == std::string::npos);
    return finished.err;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    return text.find(part) != std::string::npos;
  };
  CHECK(has(refusal({{"certificate", "none.pem"}, {"key", "server-key.pem"}}), "none.pem"));
  CHECK(has(refusal({{"certificate", "server.pem"}, {"key", "bank-key.pem"}}),
            "bank-key.pem is not the key of the certificate"));
  CHECK(has(refusal({{"certificate", "server-key.pem"}, {"key", "server-key.pem"}}),
            "server-key.pem is no certificate"));
  CHECK(has(refusal({{"certificate", "server.pem"}, {"key", "server.pem"}}), "server.pem"));
  CHECK(has(
      refusal(
          {{"certificate", "server.pem"}, {"key", "server-key.pem"}, {"client_ca", "ca-key.pem"}}),
      "ca-key.pem holds no certificate"));
  certificates.run("pkey -in " + certificates.path("server-key.pem") +
                   " -aes256 -passout pass:x -out " + certificates.path("locked-key.pem"));
  CHECK(has(refusal({{"certificate", "server.pem"}, {"key", "locked-key.pem"}}), "passphrase"));
  REQUIRE(::chmod(certificates.path("server-key.pem").c_str(), 0640) == 0);
  const std::string open = refusal({{"certificate", "server.pem"}, {"key", "server-key.pem"}});
  CHECK(has(open, "chmod 600"));
  CHECK(has(open, "/listen/tls/key"));
  CHECK(has(run(loop, {{"check", directory.path("config.json")}}).err, "chmod 600"));
}

}  // namespace porteiro::integration
