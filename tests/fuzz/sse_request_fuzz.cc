// Requests for streams: whatever the query and Last-Event-ID, what is accepted is within its
// limits, and asks for the same when it is written out anew.
//
// The input's first line is the header, the rest the query.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/event_stream.h"
#include "core/topic_name.h"
#include "core/utf8.h"
#include "protocol/sse_request.h"

namespace ringcast {
namespace {

constexpr std::uint32_t kMostTopics = 5;

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

// Reads it as the head of a request; false if there is no such head, or it is refused.
bool accepted(std::string_view query, std::string_view last_id, bool topics, Subscription& wanted) {
  const std::string text = fmt::format(
      "GET /events?{} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {}\r\n\r\n", query, last_id);
  RequestHead head;
  if (parse_head(text, head)) return false;
  Limits limits;
  limits.max_topics_per_subscriber = kMostTopics;
  const auto refusal = read_stream_request(head, limits, topics, wanted);
  if (!refusal) return true;
  RINGCAST_CHECK(refusal->status == 400 && !refusal->code.empty());
  RINGCAST_CHECK(refusal->message.ends_with('.') && is_valid_utf8(refusal->message));
  return false;
}

template <typename T>
void check_distinct(const std::vector<T>& all) {
  RINGCAST_CHECK(std::set<T>(all.begin(), all.end()).size() == all.size());
}

void check_wanted(const Subscription& wanted) {
  RINGCAST_CHECK(wanted.topics.size() + wanted.patterns.size() <= kMostTopics);
  check_distinct(wanted.topics);
  check_distinct(wanted.patterns);
  for (const std::string& topic : wanted.topics) {
    RINGCAST_CHECK(is_topic_name(topic) && is_valid_utf8(topic));
  }
  for (const std::string& pattern : wanted.patterns) {
    RINGCAST_CHECK(is_topic_pattern(pattern) && is_valid_utf8(pattern));
    RINGCAST_CHECK(pattern.find('*') != std::string::npos);
  }
  for (const std::string& type : wanted.types) {
    RINGCAST_CHECK(!type.empty() && is_event_type(type) && type.find(',') == std::string::npos);
  }
  RINGCAST_CHECK((wanted.from == Subscription::From::after_id) == !wanted.last_id.empty());
}

std::string written(const Subscription& wanted) {
  std::string query;
  for (const auto* list : {&wanted.topics, &wanted.patterns}) {
    for (const std::string& name : *list) query += "topic=" + encoded(name) + "&";
  }
  for (const std::string& type : wanted.types) query += "types=" + encoded(type) + "&";
  if (wanted.from == Subscription::From::earliest) query += "from=earliest&";
  if (!wanted.last_id.empty()) query += "lastEventId=" + encoded(wanted.last_id);
  return query;
}

void check_request(std::string_view query, std::string_view last_id) {
  for (const bool topics : {true, false}) {
    Subscription wanted;
    if (!accepted(query, last_id, topics, wanted)) continue;
    check_wanted(wanted);
    RINGCAST_CHECK(topics || (wanted.topics.empty() && wanted.patterns.empty()));
    const bool has_header = last_id.find_first_not_of(" \t") != std::string_view::npos;
    if (has_header) RINGCAST_CHECK(last_id.find(wanted.last_id) != std::string_view::npos);
    Subscription again;
    RINGCAST_CHECK(accepted(written(wanted), {}, topics, again));
    RINGCAST_CHECK(again.topics == wanted.topics && again.patterns == wanted.patterns);
    RINGCAST_CHECK(again.types == wanted.types && again.from == wanted.from);
    RINGCAST_CHECK(again.last_id == wanted.last_id);
  }
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  ringcast::check_request(input.substr(std::min(end + 1, size)), input.substr(0, end));
  return 0;
}
