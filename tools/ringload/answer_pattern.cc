#include "tools/ringload/answer_pattern.h"

#include <algorithm>

#include "tools/ringload/response_reader.h"

namespace ringcast::load {
namespace {

constexpr std::string_view kDateName = "\r\ndate: ";
constexpr std::size_t kDateBytes = 29;  // RFC 9110 §5.6.7

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

bool AnswerPattern::matches(std::string_view bytes, std::string_view id,
                            std::string_view text) const {
  if (bytes.size() != known_.size() || bytes.empty()) return false;
  const std::string_view known = known_;
  std::size_t at = 0;
  for (const Part& part : parts_) {
    if (bytes.substr(at, part.at - at) != known.substr(at, part.at - at)) return false;
    const std::string_view here = bytes.substr(part.at, part.size);
    if (part.kind == Kind::id && here != id) return false;
    if (part.kind == Kind::text && here != text) return false;
    at = part.at + part.size;
  }
  return bytes.substr(at) == known.substr(at);
}

void AnswerPattern::learn(std::string_view bytes, std::string_view id, std::string_view text) {
  known_.assign(bytes);
  parts_.clear();
  learn_date();
  const std::size_t body_at = find_head_end(bytes);
  const bool both = learn_all(id, Kind::id, body_at) && learn_all(text, Kind::text, body_at);
  std::ranges::sort(parts_, {}, &Part::at);
  const auto overlap = [](const Part& a, const Part& b) { return a.at + a.size > b.at; };
  if (!both || std::ranges::adjacent_find(parts_, overlap) != parts_.end()) known_.clear();
}

void AnswerPattern::learn_length(std::string_view bytes, std::size_t body_bytes) {
  known_.clear();
  parts_.clear();
  if (bytes.size() - find_head_end(bytes) != body_bytes) return;  // in chunks
  known_.assign(bytes);
  learn_date();
  parts_.push_back({bytes.size() - body_bytes, body_bytes, Kind::any});
}

void AnswerPattern::learn_date() {
  const std::string_view head = std::string_view(known_).substr(0, find_head_end(known_));
  const auto found = std::ranges::search(head, kDateName, {}, lower, lower);
  if (found.empty()) return;
  const auto at = static_cast<std::size_t>(found.begin() - head.begin()) + kDateName.size();
  if (head.substr(at).find("\r\n") == kDateBytes) parts_.push_back({at, kDateBytes, Kind::any});
}

bool AnswerPattern::learn_all(std::string_view what, Kind kind, std::size_t from) {
  for (std::size_t at = known_.find(what, from); at != std::string::npos;
       at = known_.find(what, at + what.size())) {
    parts_.push_back({at, what.size(), kind});
  }
  return known_.find(what, from) != std::string::npos;
}

}  // namespace ringcast::load
