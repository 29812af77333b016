// A subscriber over server-sent events.
#pragma once

#include <string>
#include <string_view>

#include "tools/ringload/http_subscriber.h"
#include "tools/ringload/sse_stream.h"

namespace ringcast::load {

class SseSubscriber final : public HttpSubscriber {
 public:
  using HttpSubscriber::HttpSubscriber;

 private:
  friend class SseStream;

  void ask(const TemplateValues& values, std::string& out) const override;
  std::string objection(const ResponseHead& head) const override;
  bool take_content(std::string_view content) override;

  void on_stamp(const Stamp& stamp) { take_stamp(stamp); }
  void on_gap() { take_gap(); }
  void on_foreign() { take_foreign(); }

  SseStream stream_;
};

}  // namespace ringcast::load
