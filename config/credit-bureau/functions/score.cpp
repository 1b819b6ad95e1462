// The example's score: 0 to 1000 from age, income and assets of the profile in base B, written back
// with the model's name, so that a decision can be reviewed later. Never from sex, health, ethnic
// origin or belief.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "porteiro/base/json_scan.hpp"
#include "porteiro/lambda/event_data.hpp"
#include "porteiro/lambda/function.hpp"

namespace {

using namespace porteiro;
using nlohmann::json;

constexpr const char* model = "points-1";

std::int64_t total_cents(const json& profile, const char* list, const char* member) {
  std::int64_t total = 0;
  if (!profile.contains(list) || !profile.at(list).is_array()) return 0;
  for (const json& item : profile.at(list)) {
    if (item.is_object() && item.contains(member) && item.at(member).is_number_integer()) {
      total += item.at(member).get<std::int64_t>();
    }
  }
  return total;
}

int score_of(const json& profile) {
  std::int64_t points = 300;
  points +=
      std::min<std::int64_t>(total_cents(profile, "income_sources", "monthly_cents") / 5'000, 400);
  points += std::min<std::int64_t>(total_cents(profile, "assets", "value_cents") / 1'000'000, 200);
  points -= std::min<std::int64_t>(total_cents(profile, "assets", "owed_cents") / 1'000'000, 200);
  if (profile.contains("age") && profile.at("age").is_number_integer()) {
    points += std::clamp<std::int64_t>(profile.at("age").get<std::int64_t>() - 18, 0, 50) * 2;
  }
  return static_cast<int>(std::clamp<std::int64_t>(points, 0, 1000));
}

const char* band_of(int score) {
  return score <= 300 ? "low" : score <= 500 ? "regular" : score <= 700 ? "good" : "excellent";
}

void save(json profile, const events::Event& asked, stores::Access& store,
          lambda::Completion done) {
  const int score = score_of(profile);
  profile["score"] = score;
  profile["model"] = model;
  stores::Batch batch;
  batch.writes.emplace_back(stores::write::Put{"profile", std::move(profile), {}});
  batch.once_key = to_text(asked.id) + "score";
  store.batch(std::move(batch), lambda::cause_of(asked),
              [score, done = std::move(done)](Result<stores::Committed> committed) mutable {
                if (!committed) return done(committed.error());
                const json reply{{"score", score}, {"band", band_of(score)}, {"model", model}};
                done(lambda::Reply{200, "application/json", reply.dump()});
              });
}

void score(std::shared_ptr<const lambda::Invocation> invocation, lambda::Services& services,
           lambda::Completion done) {
  const events::Event& event = invocation->event();
  stores::Access* store = services.stores.find("B");
  const auto raw = find_member(event.data, "path.cpf");
  const std::optional<std::string> token = raw ? string_value(*raw) : std::nullopt;
  if (store == nullptr || !token) {
    return done(error(Errc::invalid, "score needs a store B and a path parameter cpf"));
  }
  store->get("profile", *token, lambda::cause_of(event),
             [store, invocation,
              done = std::move(done)](Result<std::optional<stores::Record>> found) mutable {
               if (!found) return done(found.error());
               if (!found.value()) return done(error(Errc::not_found, "no profile to score"));
               save(json::parse(found.value()->document), invocation->event(), *store,
                    std::move(done));
             });
}

PORTEIRO_FUNCTION("credit-bureau.score", score);

}  // namespace
