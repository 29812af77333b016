// A subscriber of a response without end in which every line is an event: those that have a stamp
// in them, wherever it is.
#pragma once

#include <string>
#include <string_view>

#include "tools/ringload/http_subscriber.h"
#include "tools/ringload/line_stream.h"

namespace ringcast::load {

class ChunkedSubscriber final : public HttpSubscriber {
 public:
  using HttpSubscriber::HttpSubscriber;

 private:
  void ask(const TemplateValues& values, std::string& out) const override;
  std::string objection(const ResponseHead& head) const override;
  void restart_content() override { lines_.restart(); }
  bool take_content(std::string_view content) override;

  void take_line(std::string_view line);

  LineStream lines_;
  StampFinder stamps_;
};

}  // namespace ringcast::load
