// Rotation: new material for the same key, by itself and on demand.
#include "porteiro/base/bytes.hpp"
#include "protocols/kms/actions.hpp"

namespace porteiro::protocols::kms_api {
namespace {

constexpr std::int64_t period_days_min = 90, period_days_max = 2560, period_days = 365;  // AWS KMS.

// A symmetric key with material of ours, which alone rotates.
Answer<Key*> key_that_rotates(Call& call, bool changes) {
  PORTEIRO_TRY(Key * key,
               call.service.allowed_key(call, {.operation = call.action.name, .changes = changes},
                                        "KeyId", Names::no_alias));
  if (key->spec != kms::KeySpec::symmetric_default || key->origin == kms::Origin::external) {
    return Failure{&unsupported, call.service.arn_of(*key) +
                                     " does not rotate: only symmetric keys of origin AWS_KMS do."};
  }
  return key;
}

std::int64_t days_of(Duration period) {
  return std::chrono::duration_cast<std::chrono::hours>(period).count() / 24;
}

}  // namespace

Answer<Done> enable_key_rotation(Call& call) {
  PORTEIRO_TRY(Key * key, key_that_rotates(call, true));
  const auto days = call.in.number("RotationPeriodInDays", period_days_min, period_days_max)
                        .value_or(period_days);
  if (call.in.failure()) return *call.in.failure();
  PORTEIRO_TRY(call.service.enabled(*key));
  key->rotation_period = std::chrono::hours(24 * days);
  key->rotation_due = call.service.now() + key->rotation_period;
  call.service.ring().changed();
  return to_save;
}

Answer<Done> disable_key_rotation(Call& call) {
  PORTEIRO_TRY(Key * key, key_that_rotates(call, true));
  PORTEIRO_TRY(call.service.enabled(*key));
  key->rotation_period = {};
  call.service.ring().changed();
  return to_save;
}

Answer<Done> get_key_rotation_status(Call& call) {
  PORTEIRO_TRY(Key * key, key_that_rotates(call, false));
  PORTEIRO_TRY(call.service.not_pending_deletion(*key));
  call.service.ring().rotate_if_due(*key);
  const bool rotates = key->rotation_period > Duration(0);
  call.out.boolean("KeyRotationEnabled", rotates);
  call.out.plain("KeyId", call.service.arn_of(*key));
  if (rotates) {
    call.out.number("RotationPeriodInDays",
                    static_cast<std::uint64_t>(days_of(key->rotation_period)));
    write_date(call.out, "NextRotationDate", key->rotation_due);
  }
  return answered;
}

Answer<Done> rotate_key_on_demand(Call& call) {
  PORTEIRO_TRY(Key * key, key_that_rotates(call, true));
  PORTEIRO_TRY(call.service.enabled(*key));
  if (const auto rotated = call.service.ring().rotate(*key, true); !rotated) {
    return failure_of(rotated.error());
  }
  call.out.plain("KeyId", call.service.arn_of(*key));
  return to_save;
}

Answer<Done> list_key_rotations(Call& call) {
  PORTEIRO_TRY(Key * key, key_that_rotates(call, false));
  PORTEIRO_TRY(const Page page, page_of(call, 100, 1000));
  const Text include = call.in.choice("IncludeKeyMaterial", {"ALL_KEY_MATERIAL", "ROTATIONS_ONLY"});
  if (call.in.failure()) return *call.in.failure();
  call.service.ring().rotate_if_due(*key);
  const bool all = include && *include == "ALL_KEY_MATERIAL";
  const auto after = ByteReader(page.after).u32();
  std::size_t count = 0;
  std::string last;
  bool truncated = false;
  call.out.open_list("Rotations");
  for (std::size_t i = all ? 0 : 1; i <= key->sealing; ++i) {  // The first is by no rotation.
    const kms::KeyVersion& version = key->versions[i];
    if (after && version.number <= *after) continue;
    if (count == page.limit) {
      truncated = true;
      break;
    }
    call.out.open_item("member");
    call.out.plain("KeyId", key->id_text);
    call.out.plain("KeyMaterialId", material_id(*key, version.number));
    if (all) call.out.plain("KeyMaterialState", i == key->sealing ? "CURRENT" : "NON_CURRENT");
    if (i > 0) {
      write_date(call.out, "RotationDate", version.made);
      call.out.plain("RotationType", version.on_demand ? "ON_DEMAND" : "AUTOMATIC");
    }
    call.out.close_item("member");
    last.clear();
    append_u32(last, version.number);
    ++count;
  }
  call.out.close_list();
  write_page_end(call.out, truncated, last);
  return answered;
}

}  // namespace porteiro::protocols::kms_api
