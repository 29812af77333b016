#include "tools/ringload/subscriber.h"

#include <fmt/format.h>

#include <cstring>

#include "tools/ringload/fleet.h"
#include "tools/ringload/response_reader.h"

namespace ringcast::load {

void Subscriber::on_connected() {
  phase_ = Phase::asking;
  fleet_.render_request(topic_, text_);
  send(text_);
}

void Subscriber::on_sent() {
  text_.clear();
  if (slow_) {
    phase_ = Phase::silent;
    counted_ = true;
    fleet_.on_ready(*this);
  } else {
    receive();
  }
}

void Subscriber::on_bytes(std::string_view bytes) {
  Arrivals& arrivals = fleet_.arrivals();
  ++arrivals.receives;
  arrivals.bytes += bytes.size();
  arrivals.now_ns = loop().now_ns() - arrivals.origin_ns;
  if (phase_ != Phase::streaming) {
    read_head(bytes);
  } else if (!read_body(bytes)) {
    return;
  }
  if (phase_ != Phase::ended) receive();
}

void Subscriber::read_head(std::string_view bytes) {
  const std::size_t before = text_.size();
  text_ += bytes;
  const std::size_t length = find_head_end(text_);
  if (length == 0) {
    if (text_.size() > kResponseHeadBytesMax) refuse("the response's head is too long");
    return;
  }
  const auto head = parse_response_head(std::string_view(text_).substr(0, length));
  if (!head) {
    refuse(head.error().message);
  } else if (head->status != 200) {
    ResponseReader answer;  // its body says why
    if (answer.feed(text_) != ResponseReader::State::needs_more) refuse(refusal());
  } else if (!head->content_type.starts_with("text/event-stream")) {
    refuse(fmt::format("the answer is no event stream but `{}`", head->content_type));
  } else {
    chunked_ = head->chunked;
    phase_ = Phase::streaming;
    counted_ = true;
    std::string().swap(text_);
    fleet_.on_ready(*this);
    read_body(bytes.substr(length - before));
  }
}

bool Subscriber::read_body(std::string_view bytes) {
  Arrivals& arrivals = fleet_.arrivals();
  bool fits = true;
  if (!chunked_) {
    fits = stream_.feed(bytes, arrivals.codec, arrivals.payload_bytes, *this);
  } else {
    const auto state = chunks_.feed(bytes, [&](std::string_view content) {
      fits = fits && stream_.feed(content, arrivals.codec, arrivals.payload_bytes, *this);
    });
    if (state == ChunkedDecoder::State::failed) {
      refuse("the chunked framing is broken");
      return false;
    }
    if (state == ChunkedDecoder::State::complete) {
      refuse("the server has ended the stream");
      return false;
    }
  }
  if (!fits) refuse("an event is too large");
  return fits;
}

// What the server has said instead of a stream, as far as it has come.
std::string Subscriber::refusal() const {
  ResponseReader answer;
  answer.feed(text_);
  return fmt::format("the answer to the subscription is {}: {}",
                     text_.substr(0, text_.find_first_of("\r\n")), answer.body());
}

void Subscriber::refuse(std::string message) {
  close();
  phase_ = Phase::ended;
  fleet_.on_failed(*this, std::move(message));
}

void Subscriber::on_end(int error, std::string_view where) {
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::asking && error == 0 && find_head_end(text_) != 0) return refuse(refusal());
  refuse(error == 0 ? "the server has closed the connection"
                    : fmt::format("{}: {}", where, std::strerror(error)));
}

void Subscriber::on_stamp(const Stamp& stamp) {
  Arrivals& arrivals = fleet_.arrivals();
  if (!checker_.take(stamp.publisher, stamp.sequence, arrivals.totals)) return;
  if (stamp.intended_ns >= arrivals.measure_from_ns &&
      stamp.intended_ns < arrivals.measure_until_ns) {
    arrivals.latency.record(arrivals.now_ns - stamp.intended_ns);
  }
}

void Subscriber::on_gap() { ++fleet_.arrivals().gaps; }

void Subscriber::on_foreign() { ++fleet_.arrivals().foreign; }

}  // namespace ringcast::load
