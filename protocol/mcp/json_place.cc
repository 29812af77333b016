#include "protocol/mcp/json_place.h"

#include "core/utf8.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostNameBytes = 128;
constexpr std::size_t kMostPointerBytes = 512;

std::string last_step(const JsonPlace& place) {
  if (place.index != JsonPlace::kNoIndex) return '/' + std::to_string(place.index);
  std::string step = "/";
  const std::string_view name = cut_utf8(place.name, kMostNameBytes);
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  if (name.size() < place.name.size()) step += "…";
  return step;
}

}  // namespace

std::string json_pointer(const JsonPlace& place) {
  std::string pointer;
  const JsonPlace* at = &place;
  for (; at->up != nullptr; at = at->up) {
    if (pointer.size() > kMostPointerBytes) return "…" + pointer;
    pointer.insert(0, last_step(*at));
  }
  return pointer.insert(0, cut_utf8(at->name, kMostPointerBytes));
}

}  // namespace ringcast
