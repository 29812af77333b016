#include "net/head_cache.h"

#include <algorithm>
#include <functional>

#include "core/check.h"

namespace ringcast {
namespace {

// The same part of the head at its new place; what is not part of it has static storage.
std::string_view moved(std::string_view part, const char* at, std::string_view to) {
  const bool inside =
      std::greater_equal<>()(part.data(), at) && std::less_equal<>()(part.data(), at + to.size());
  if (!inside) return part;
  return {to.data() + (part.data() - at), part.size()};
}

}  // namespace

std::size_t HeadCache::match(std::string_view input) {
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::string& bytes = entries_[i].bytes;
    if (bytes.empty() || !input.starts_with(bytes)) continue;
    matched_ = i;
    return bytes.size();
  }
  return 0;
}

void HeadCache::restore(std::string_view head, RequestHead& out) const {
  const Entry& entry = entries_[matched_];
  RINGCAST_CHECK(entry.bytes == head);
  copy(entry.parsed, entry.at, head, out);
}

void HeadCache::keep(std::string_view head, const RequestHead& parsed) {
  if (head.size() > kMostBytes || parsed.field_count() > kMostFields) return;
  Entry& entry = entries_[next_];
  next_ = (next_ + 1) % kEntries;
  entry.bytes = head;
  entry.at = entry.bytes.data();
  copy(parsed, head.data(), entry.bytes, entry.parsed);
}

void HeadCache::clear() {
  for (Entry& entry : entries_) entry.bytes.clear();
}

// Only as many fields as there are: the rest of the table is large, and says nothing.
void HeadCache::copy(const RequestHead& from, const char* at, std::string_view to_head,
                     RequestHead& to) {
  to.method = from.method;
  to.method_text = moved(from.method_text, at, to_head);
  to.target = moved(from.target, at, to_head);
  to.path = moved(from.path, at, to_head);
  to.query = moved(from.query, at, to_head);
  to.host = moved(from.host, at, to_head);
  to.content_length = from.content_length;
  to.version_minor = from.version_minor;
  to.chunked = from.chunked;
  to.keep_alive = from.keep_alive;
  to.expect_continue = from.expect_continue;
  to.base_ = to_head.data() + (from.base_ - at);
  to.field_count_ = from.field_count_;
  std::copy_n(from.places_.begin(), from.field_count_, to.places_.begin());
}

}  // namespace ringcast
