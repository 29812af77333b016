// A subscriber over server-sent events.
#pragma once

#include <string>
#include <string_view>

#include "tools/ringload/http_subscriber.h"
#include "tools/ringload/sse_stream.h"

namespace ringcast::load {

class SseSubscriber : public HttpSubscriber {
 public:
  using HttpSubscriber::HttpSubscriber;

 protected:
  bool take_content(std::string_view content) override;
  template <class Sink>
  bool feed(std::string_view content, Sink& sink);

 private:
  friend class SseStream;

  void ask(const TemplateValues& values, std::string& out) const override;
  std::string objection(const ResponseHead& head) const override;
  void restart_content() override { stream_.restart(); }

  void on_stamp(const Stamp& stamp) { take_stamp(stamp); }
  void on_gap() { take_gap(); }
  void on_foreign() { take_foreign(); }

  SseStream stream_;
};

// One that remembers the last id of its stream, and goes on behind it when it starts again.
class ResumingSseSubscriber final : public SseSubscriber {
 public:
  using SseSubscriber::SseSubscriber;

  std::string_view last_id() const override { return last_id_; }

 private:
  bool take_content(std::string_view content) override;

  std::string last_id_;
};

}  // namespace ringcast::load
