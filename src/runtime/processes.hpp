// Processes over a nursery: pipes to the children here, their lives there.
#pragma once
#include <memory>
#include <unordered_map>

#include "porteiro/base/processes.hpp"
#include "runtime/nursery_link.hpp"

namespace porteiro::runtime {

class Child;

class NurseryProcesses final : public Processes, private NurseryLink::Owner {
 public:
  explicit NurseryProcesses(Loop& loop);
  NurseryProcesses(const NurseryProcesses&) = delete;
  NurseryProcesses& operator=(const NurseryProcesses&) = delete;
  ~NurseryProcesses() override;
  std::unique_ptr<Process> start(ProcessOptions options, ProcessListener& listener) override;

 private:
  friend class Child;
  void reported(const NurseryProtocol::Report& report) override;
  void lost() override;
  Result<void> begin(Child& child, const ProcessOptions& options);
  void signal(std::uint64_t worker, int number);
  void end(std::uint64_t worker);  // Kills it, if it has not ended.

  Loop& loop_;
  boost::intrusive_ptr<NurseryLink> link_;  // Null: nothing was started yet, or the last was lost.
  std::unordered_map<std::uint64_t, boost::intrusive_ptr<Child>> children_;  // By worker; running.
  std::unordered_map<Child*, boost::intrusive_ptr<Child>> draining_;
  const std::uint64_t first_worker_;
  std::uint64_t last_worker_;
  std::unique_ptr<char[]> buffer_;  // For what a child wrote, for the time of one call.
};

}  // namespace porteiro::runtime
