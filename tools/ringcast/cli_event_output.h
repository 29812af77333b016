// The events of `ringcast subscribe` on standard output, however they came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_printer.h"
#include "tools/ringcast/cli_subscribe.h"

namespace ringcast {

class EventOutput {
 public:
  EventOutput(Scope& scope, const SubscribeArguments& arguments);

  // Runs what gives the events; cancels the scope when nobody reads them any more.
  Task<int> run(Task<int> following);

  // Gaps become warnings. True: it was the last that is wanted.
  bool add(const StreamEvent& event);
  void add_raw(std::string_view bytes) { out_ += bytes; }
  bool raw() const { return raw_; }
  // Writes what was added. If that is not possible, the exit code to end with.
  Task<std::optional<int>> flush();

 private:
  Scope& scope_;
  ChildScope watching_;
  Output output_;
  PrintOptions print_;
  std::string out_;
  std::uint64_t left_;  // events to be shown
  bool raw_;
};

}  // namespace ringcast
