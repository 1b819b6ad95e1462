// A function outside whose workers are children in virtual time: what they say is the test's.
#pragma once
#include "porteiro/lambda/external.hpp"
#include "porteiro/virtual_world/children.hpp"
#include "unit/lambda/fixture.hpp"

namespace porteiro::lambda::test {

using virtual_world::VirtualChild;

struct Outside {
  Outside() : children(b.world) {
    external.name = "f";
    external.runtime = Runtime::python;
    external.handler = "app.handler";
    external.code = "/code";
    options.name = "f";
    options.retries_max = 0;
    surroundings.mask = Mask({"api-key-1"});
    file("/code/app.py", "v1");
    children.processes.script = [this](VirtualChild& child) { serve(child); };
  }
  ~Outside() { b.functions.reset(); }  // Before the children.
  void file(const std::string& path, const std::string& text, unsigned mode = 0644) {
    b.world.files.disk().files[path] = text;
    b.world.files.disk().modes[path] = mode;
    b.world.files.disk().modified[path] = b.world.scheduler.now();
  }
  void make() {
    auto workers = external_workers(external, surroundings, *b.services);
    REQUIRE(b.functions->create(options, std::move(workers)).has_value());
  }

  // What a well-behaved runtime does: answers each invocation with `answer`.
  void serve(VirtualChild& child) {
    ask(child, "GET", "invocation/next", {}, [this, &child](const http::Response& next) {
      REQUIRE(next.status == 200);
      invocations.push_back(next);
      if (handler) return handler(child, next);
      respond(child, next, answer);
    });
  }
  void ask(VirtualChild& child, const std::string& method, const std::string& rest,
           const std::string& body, std::function<void(const http::Response&)> then = {},
           std::vector<http::Header> headers = {}) {
    children.ports.send(child.connection(), std::string(child.variable("AWS_LAMBDA_RUNTIME_API")),
                        {method, "/2018-06-01/runtime/" + rest, std::move(headers), body},
                        [then = std::move(then)](Result<http::Response> reply) {
                          if (reply && then) then(reply.value());
                        });
  }
  void respond(VirtualChild& child, const http::Response& next, const std::string& body) {
    ask(child, "POST", "invocation/" + id_of(next) + "/response", body,
        [this, &child](const http::Response&) { serve(child); });
  }
  static std::string header(const http::Response& response, std::string_view name) {
    for (const auto& each : response.headers) {
      if (each.name == name) return each.value;
    }
    return {};
  }
  static std::string id_of(const http::Response& next) {
    return header(next, "Lambda-Runtime-Aws-Request-Id");
  }

  std::shared_ptr<Direct> invoke(const std::string& payload = "{}") {
    auto direct = std::make_shared<Direct>(Direct{.payload = payload});
    b.functions->invoke("f", direct, [this](Result<Reply> reply) {
      out.push_back(reply ? reply.value().body : std::string(to_string(reply.error().code)));
    });
    b.settle();
    return direct;
  }
  VirtualChild& child(std::size_t i = 0) { return *children.processes.started().at(i); }
  std::string notes() const {
    std::string all;
    b.telemetry.read(0, [&](const telemetry::Record& record) {
      if (record.kind == telemetry::Kind::note) {
        all += std::string(b.telemetry.note_text(record.extra)) + "\n";
      }
    });
    return all;
  }
  bool noted(const std::string& part) const { return notes().find(part) != std::string::npos; }

  Surroundings surroundings;
  Bench b;
  virtual_world::Children children;
  ExternalOptions external;
  FunctionOptions options;
  std::function<void(VirtualChild&, const http::Response&)> handler;
  std::string answer = "\"done\"";
  std::vector<http::Response> invocations;
  std::vector<std::string> out;
};

}  // namespace porteiro::lambda::test
