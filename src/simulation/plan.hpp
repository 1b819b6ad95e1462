// The traffic of a scenario: who asks what, and when. Pure: draws from seeded Randoms and says the
// gap to the next request and its text; sending is the driver's.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "porteiro/base/http.hpp"
#include "porteiro/base/random.hpp"
#include "simulation/generators.hpp"

namespace porteiro::simulation {

// Text with {{names}} in it, cut into pieces once.
class Template {
 public:
  static Template of_text(std::string_view text);           // Values stand as they are.
  static Template of_path(std::string_view text);           // Values are percent-encoded.
  static Template of_json(const nlohmann::json& document);  // "{{x}}" alone becomes x's JSON value.

  using Lookup = std::function<const Value&(std::string_view name)>;
  std::string render(const Lookup& lookup) const;

 private:
  enum class Form { literal, text, path, json, json_text };
  struct Piece {
    Form form;
    std::string text;  // The literal, or the name.
  };
  static Template cut(std::string_view text, Form form);
  std::vector<Piece> pieces_;
};

// Gives the event that request `number` of a traffic became, as JSON; empty: there is none.
using CopyOf = std::function<std::string(std::string_view traffic, std::uint64_t number)>;

// A message as a client of SQS sends it: a SendMessage of the JSON protocol.
class SendTemplate {
 public:
  explicit SendTemplate(const nlohmann::json& spec);
  // The body, if it is no copy, is the template's.
  http::ClientRequest render(const Template::Lookup& lookup, std::optional<std::string> copy) const;
  const std::string& copy_of() const { return copy_of_; }  // A traffic; empty: none.
  std::string key(const Template::Lookup& lookup) const;   // Of the record it is to write.

 private:
  struct Text {
    std::string name;
    Template value;
  };
  std::string queue_, copy_of_;
  Template body_;
  std::vector<Text> texts_;  // The request's optional members that are texts.
  std::optional<std::int64_t> delay_s_;
  std::vector<Text> attributes_;
  Template key_;
};

// Told of each canary value as it is made.
using OnCanary = std::function<void(std::string_view)>;

// Things that exist once for the whole run; number i always has the same values.
class Population {
 public:
  Population(const nlohmann::json& spec, const Generators& generators, Random random);
  std::size_t count() const { return members_.size(); }
  std::size_t pick(Random& random) const;  // Uniform, or by Zipf's law.
  const Value* value(std::size_t member, std::string_view name, const OnCanary& on_canary);

 private:
  using Values = std::vector<Value>;
  const Generators& generators_;
  std::vector<std::string> names_;
  std::vector<Values> members_;            // Made on first use.
  std::vector<std::uint64_t> cumulative_;  // Of the Zipf weights; empty: uniform.
  Random random_;
};

class Traffic {
 public:
  Traffic(const nlohmann::json& spec, const Generators& generators, Population* population,
          Random random, OnCanary on_canary);

  const std::string& id() const { return id_; }
  // The gap to the next request; nullopt: all were made.
  std::optional<Duration> gap();
  struct Planned {
    http::ClientRequest request;  // `url` is the target alone.
    bool resend = false;          // To be sent a second time a little later.
    std::string key;              // Of the record that the message of a `send` is to write.
    std::uint64_t number = 0;     // Of the traffic's requests, from 1.
  };
  bool sends() const { return send_.has_value(); }  // To the inside port; else to the gateway.
  Planned next(Time now, const CopyOf& copy = {});
  const std::vector<http::Header>& key_headers() const { return key_headers_; }

 private:
  void read_request(const nlohmann::json& request);
  http::ClientRequest render_request(const Template::Lookup& lookup) const;

  struct HeaderTemplate {
    std::string name;
    Template value;
  };
  std::string id_, method_;
  std::optional<SendTemplate> send_;
  Template path_, body_;
  bool has_body_ = false;
  std::vector<HeaderTemplate> headers_;
  std::vector<http::Header> key_headers_;  // The constant ones: what a follow-up is sent with.
  const Generators& generators_;
  Population* population_;
  bool each_ = false;
  std::uint64_t count_ = 0, made_ = 0;
  bool poisson_ = false;
  Duration mean_gap_{0};
  std::uint32_t resend_parts_per_million_ = 0;
  Random arrivals_, values_;
  OnCanary on_canary_;
};

}  // namespace porteiro::simulation
