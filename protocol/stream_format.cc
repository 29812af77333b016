#include "protocol/stream_format.h"

#include <string>

#include "net/http_chars.h"
#include "net/url.h"

namespace ringcast {
namespace {

constexpr int kMostWeight = 1000;

// `q` of a member of Accept, in thousandths (RFC 9110 §12.4.2); one that is malformed counts as
// none.
int weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = parameters.find(';');
    const std::string_view one = chars::trim(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? std::string_view() : parameters.substr(end + 1);
    if (one.size() < 3 || !chars::iequals(one.substr(0, 2), "q=")) continue;
    if (one[2] != '0') return kMostWeight;
    int weight = 0;
    int worth = 100;
    for (std::size_t at = 4; at < one.size() && worth > 0; ++at, worth /= 10) {
      if (one[at] < '0' || one[at] > '9') return kMostWeight;
      weight += worth * (one[at] - '0');
    }
    return weight;
  }
  return kMostWeight;
}

bool is_lines(std::string_view type) {
  return chars::iequals(type, kLinesType) || chars::iequals(type, "application/ndjson") ||
         chars::iequals(type, "application/jsonl");
}

StreamFormat accepted(const RequestHead& head) {
  StreamFormat best = StreamFormat::events;
  int most = 0;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const HeaderField field = head.field(i);
    if (!chars::iequals(field.name, "Accept")) continue;
    std::string_view list = field.value;
    std::string_view member;
    while (chars::next_member(list, member)) {
      const std::size_t end = member.find(';');
      const std::string_view type = chars::trim(member.substr(0, end));
      const bool lines = is_lines(type);
      if (!lines && !chars::iequals(type, "text/event-stream")) continue;
      const int weight =
          end == std::string_view::npos ? kMostWeight : weight_of(member.substr(end + 1));
      if (weight <= most) continue;
      most = weight;
      best = lines ? StreamFormat::lines : StreamFormat::events;
    }
  }
  return best;
}

}  // namespace

std::optional<StreamFormat> stream_format(const RequestHead& head) {
  const auto format = query_value(head.query, "format");
  if (!format) return accepted(head);
  if (*format == "ndjson") return StreamFormat::lines;
  if (*format == "sse") return StreamFormat::events;
  return std::nullopt;
}

}  // namespace ringcast
