#include "porteiro/lambda/code_store.hpp"

#include <optional>

#include "lambda/archive.hpp"
#include "porteiro/base/bytes.hpp"
#include "porteiro/kms/crypto.hpp"

namespace porteiro::lambda {
namespace {

constexpr std::string_view zip_suffix = ".zip", unpacking_suffix = ".new";

std::string sha256_hex(std::string_view bytes) {
  const auto digest = kms::sha256(bytes);
  return to_hex({digest.data(), digest.size()});
}

}  // namespace

struct CodeStore::State : std::enable_shared_from_this<State> {
  State(Environment& environment_, CodeStoreOptions options_,
        std::function<bool(std::string_view)> wanted_)
      : environment(environment_),
        files(environment_.files),
        options(std::move(options_)),
        wanted(std::move(wanted_)),
        lane(environment_.offload.lane("lambda-code")) {}

  Environment& environment;
  Files& files;
  const CodeStoreOptions options;
  const std::function<bool(std::string_view)> wanted;
  const Offload::Lane lane;
  std::size_t putting = 0;           // Whose outcome is not known on the loop.
  std::set<std::string> candidates;  // To be removed if nobody wants them.

  std::string folder(std::string_view sha256) const {
    return options.directory + "/" + std::string(sha256);
  }
  std::string zip(std::string_view sha256) const {
    return folder(sha256) + std::string(zip_suffix);
  }

  // Off the loop.
  Result<Code> store(std::string_view base64) const;
  Result<void> unpack_to_folder(std::string_view archive, const std::string& sha256) const;
  Result<void> write_files(std::string_view archive, const std::string& target) const;
  bool has(const std::string& sha256) const {
    return files.size(zip(sha256)) && files.list(folder(sha256));
  }
  void erase(const std::string& sha256) const;
  Result<std::set<std::string>> tidy(const std::set<std::string>& codes) const;

  // On the loop.
  void stored(const Result<Code>& code, Stored done);
  void collect();
};

Result<Code> CodeStore::State::store(std::string_view base64) const {
  if (options.directory.empty()) {
    return error(Errc::unavailable, "there is no folder for the code of functions here");
  }
  if (base64.size() / 4 * 3 > options.zip_bytes_max + 3) {
    return error(Errc::limit_exceeded,
                 "the zip file is larger than " + std::to_string(options.zip_bytes_max) + " bytes");
  }
  const std::optional<std::string> archive = from_base64(base64);
  if (!archive) return error(Errc::invalid, "the zip file is not in base64");
  if (archive->size() > options.zip_bytes_max) {
    return error(Errc::limit_exceeded,
                 "the zip file is larger than " + std::to_string(options.zip_bytes_max) + " bytes");
  }
  Code code{sha256_hex(*archive), archive->size()};
  if (has(code.sha256)) return code;
  PORTEIRO_TRY(files.make_directory(options.directory));
  Result<void> done = unpack_to_folder(*archive, code.sha256);
  if (done) done = files.replace(zip(code.sha256), *archive);
  if (done) return code;
  erase(code.sha256);
  return done.error();
}

Result<void> CodeStore::State::write_files(std::string_view archive,
                                           const std::string& target) const {
  std::unique_ptr<AppendFile> file;
  return unpack(archive, {.unpacked_bytes_max = options.unpacked_bytes_max},
                [&](const ArchiveFile& part) -> Result<void> {
                  if (part.first) {
                    file.reset();
                    const std::string path = target + "/" + std::string(part.path);
                    PORTEIRO_TRY(file, files.create(path, part.executable));
                  }
                  return file->append(part.bytes);
                });
}

// Under another name, so that a folder with the right one is whole.
Result<void> CodeStore::State::unpack_to_folder(std::string_view archive,
                                                const std::string& sha256) const {
  const std::string target = folder(sha256) + std::string(unpacking_suffix);
  PORTEIRO_TRY(files.remove_all(target));
  Result<void> done = write_files(archive, target);
  if (done && options.power) done = files.sync_all(target);
  if (done) done = files.remove_all(folder(sha256));
  if (done) done = files.rename(target, folder(sha256));
  if (!done) static_cast<void>(files.remove_all(target));
  return done;
}

// What cannot be removed now is removed at the next start.
void CodeStore::State::erase(const std::string& sha256) const {
  static_cast<void>(files.remove_all(zip(sha256)));
  static_cast<void>(files.remove_all(folder(sha256)));
}

Result<std::set<std::string>> CodeStore::State::tidy(const std::set<std::string>& codes) const {
  const auto names = files.list(options.directory);
  if (!names && names.error().code != Errc::not_found) return names.error();
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    std::string_view code = name;
    if (code.ends_with(zip_suffix)) code.remove_suffix(zip_suffix.size());
    if (codes.contains(std::string(code))) continue;
    PORTEIRO_TRY(files.remove_all(options.directory + "/" + name));
  }
  std::set<std::string> lost;
  for (const std::string& code : codes) {
    if (files.list(folder(code))) continue;
    const Result<std::string> archive = files.read(zip(code));
    const bool whole = archive && sha256_hex(archive.value()) == code;
    if (!whole || !unpack_to_folder(archive.value(), code)) lost.insert(code);
  }
  return lost;
}

void CodeStore::State::stored(const Result<Code>& code, Stored done) {
  if (code) candidates.insert(code.value().sha256);
  done(code);
  --putting;
  collect();
}

// Not while something is being put: it may turn out to be the same code. What is put later than
// the removal is asked for comes after it in the lane.
void CodeStore::State::collect() {
  if (putting > 0) return;
  for (const std::string& code : std::exchange(candidates, {})) {
    if (code.empty() || wanted(code)) continue;
    environment.offload.run(
        lane, [self = shared_from_this(), code] { self->erase(code); }, nullptr);
  }
}

CodeStore::CodeStore(Environment& environment, CodeStoreOptions options,
                     std::function<bool(std::string_view)> wanted)
    : state_(std::make_shared<State>(environment, std::move(options), std::move(wanted))) {}
CodeStore::~CodeStore() = default;

std::string CodeStore::folder(std::string_view sha256) const { return state_->folder(sha256); }

void CodeStore::put(std::string base64, Stored done) {
  ++state_->putting;
  auto code = std::make_shared<std::optional<Result<Code>>>();
  Task work = [state = state_, code, base64 = std::move(base64)] {
    code->emplace(state->store(base64));
  };
  state_->environment.offload.run(
      state_->lane, std::move(work),
      [weak = std::weak_ptr(state_), code, done = std::move(done)]() mutable {
        if (const auto state = weak.lock()) state->stored(**code, std::move(done));
      });
}

void CodeStore::read(std::string_view sha256, UniqueFunction<void(Result<std::string>)> done) {
  auto bytes = std::make_shared<std::optional<Result<std::string>>>();
  Task work = [state = state_, bytes, path = state_->zip(sha256)] {
    bytes->emplace(state->files.read(path));
  };
  state_->environment.offload.run(
      state_->lane, std::move(work),
      [weak = std::weak_ptr(state_), bytes, done = std::move(done)]() mutable {
        if (weak.lock() != nullptr) done(std::move(**bytes));
      });
}

void CodeStore::collect(const std::set<std::string>& candidates) {
  state_->candidates.insert(candidates.begin(), candidates.end());
  state_->collect();
}

void CodeStore::restore(std::set<std::string> codes,
                        UniqueFunction<void(Result<std::set<std::string>>)> done) {
  auto lost = std::make_shared<std::optional<Result<std::set<std::string>>>>();
  Task work = [state = state_, lost, codes = std::move(codes)] {
    lost->emplace(state->tidy(codes));
  };
  state_->environment.offload.run(
      state_->lane, std::move(work),
      [weak = std::weak_ptr(state_), lost, done = std::move(done)]() mutable {
        if (weak.lock() != nullptr) done(std::move(**lost));
      });
}

}  // namespace porteiro::lambda
