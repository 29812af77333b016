#include "net/forwarded.h"

#include <algorithm>
#include <array>
#include <optional>

#include "net/http_chars.h"

namespace ringcast {
namespace {

constexpr std::string_view kXForwardedFor = "x-forwarded-for";
constexpr std::string_view kForwarded = "forwarded";

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && chars::all(text, chars::kDigit);
}

// An address, with or without port; IPv6 with a port is in brackets.
std::optional<ClientAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) {
      return std::nullopt;
    }
    const std::string_view inside = text.substr(1, end - 1);
    return inside.contains(':') ? ClientAddress::parse(inside) : std::nullopt;
  }
  const std::size_t colon = text.find(':');
  if (colon == text.rfind(':') && colon != std::string_view::npos) {
    if (!is_port(text.substr(colon + 1))) return std::nullopt;
    text = text.substr(0, colon);
  }
  return ClientAddress::parse(text);
}

// From the peer to the left, hop by hop.
class Walk {
 public:
  Walk(const ClientAddress& peer, const Forwarding& forwarding)
      : forwarding_(forwarding), peer_(peer) {
    result.client = peer;
  }

  // False: the client is found, or nothing further left can be believed.
  bool step(std::string_view node) {
    auto hop = parse_node(node);
    if (!hop) {
      give_up();
      return false;
    }
    // What a proxy on another machine calls loopback is not ours.
    hop->elsewhere = !result.client.loopback();
    result.client = *hop;
    return forwarding_.trusts(*hop);
  }

  void give_up() {
    result.client = peer_;
    result.client.elsewhere = true;
    result.unreadable = true;
  }

  ForwardedRequest result;

 private:
  const Forwarding& forwarding_;
  const ClientAddress peer_;
};

// False: walked to the end.
bool walk_list(Walk& walk, std::string_view list) {
  for (;;) {
    const std::size_t comma = list.rfind(',');
    const std::string_view item =
        chars::trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
    if (!item.empty() && !walk.step(item)) return false;
    if (comma == std::string_view::npos) return true;
    list = list.substr(0, comma);
  }
}

// An element of Forwarded: `for=192.0.2.43;proto=https`.
struct Element {
  std::string_view node, proto, host;
};

class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : rest_(text) {}

  // The elements, the last ones if there are more than fit. False: it is malformed.
  bool read() {
    for (;;) {
      Element element;
      bool some = false;
      if (!read_element(element, some)) return false;
      if (some) elements_[count_++ % elements_.size()] = element;
      if (rest_.empty()) return true;
      rest_.remove_prefix(1);  // the comma
    }
  }
  std::size_t size() const { return std::min(count_, elements_.size()); }
  const Element& from_right(std::size_t index) const {
    return elements_[(count_ - 1 - index) % elements_.size()];
  }

 private:
  bool read_element(Element& element, bool& some) {
    for (;;) {
      rest_ = chars::trim(rest_);
      if (rest_.empty() || rest_.front() == ',') return true;
      if (rest_.front() == ';') {
        rest_.remove_prefix(1);
        continue;
      }
      const std::string_view name = token();
      if (name.empty() || !rest_.starts_with('=')) return false;
      rest_.remove_prefix(1);
      std::string_view value;
      if (!read_value(value)) return false;
      rest_ = chars::trim(rest_);
      if (!rest_.empty() && rest_.front() != ',' && rest_.front() != ';') return false;
      some = true;
      std::string_view* const to = chars::iequals(name, "for")     ? &element.node
                                   : chars::iequals(name, "proto") ? &element.proto
                                   : chars::iequals(name, "host")  ? &element.host
                                                                   : nullptr;
      if (to == nullptr) continue;
      if (!to->empty()) return false;  // each parameter once (RFC 7239 §4)
      *to = value;
    }
  }

  bool read_value(std::string_view& value) {
    if (!rest_.starts_with('"')) {
      value = token();
      return !value.empty();
    }
    const std::size_t end = rest_.find('"', 1);
    if (end == std::string_view::npos) return false;
    value = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return !value.contains('\\');  // neither address nor host needs one
  }

  std::string_view token() {
    std::size_t size = 0;
    while (size < rest_.size() && chars::is(rest_[size], chars::kToken)) ++size;
    const std::string_view result = rest_.substr(0, size);
    rest_.remove_prefix(result.size());
    return result;
  }

  std::string_view rest_;
  std::array<Element, 16> elements_;
  std::size_t count_ = 0;
};

// A scheme, or a host and perhaps a port: nothing that could be taken for something else.
std::string_view usable(std::string_view value) {
  const bool plain = std::ranges::all_of(value, [](char c) {
    return chars::is(c, chars::kDigit) || (chars::lower(c) >= 'a' && chars::lower(c) <= 'z') ||
           std::string_view("+-._~[]:").contains(c);
  });
  return plain ? value : std::string_view{};
}

bool walk_elements(Walk& walk, std::string_view field) {
  ForwardedReader reader(field);
  if (!reader.read()) {
    walk.give_up();
    return false;
  }
  for (std::size_t i = 0; i < reader.size(); ++i) {
    const Element& element = reader.from_right(i);
    const bool on = walk.step(element.node);
    walk.result.proto = usable(element.proto);
    walk.result.host = usable(element.host);
    if (!on) return false;
  }
  return true;
}

}  // namespace

Forwarding::Forwarding()
    : trusted{*AddressRange::parse("127.0.0.0/8"), *AddressRange::parse("::1")} {}

bool Forwarding::trusts(const ClientAddress& peer) const {
  if (peer.unix_socket()) return !peer.elsewhere;
  return std::ranges::any_of(trusted,
                             [&peer](const AddressRange& range) { return range.contains(peer); });
}

ForwardedRequest forwarded_client(const RequestHead& head, const ClientAddress& peer,
                                  const Forwarding& forwarding) {
  Walk walk(peer, forwarding);
  bool others = false;
  bool any = false;
  for (std::size_t i = head.field_count(); i-- > 0;) {
    const HeaderField field = head.field(i);
    const bool list = chars::iequals(field.name, kXForwardedFor);
    if (!list && !chars::iequals(field.name, kForwarded)) continue;
    const ForwardedHeader header =
        list ? ForwardedHeader::x_forwarded_for : ForwardedHeader::forwarded;
    if (header != forwarding.header) {
      others = true;
      continue;
    }
    any = true;
    if (!(list ? walk_list(walk, field.value) : walk_elements(walk, field.value))) break;
  }
  // Somebody forwarded it, in a way we do not go by: whoever it is, it is not the peer.
  if (others && !any) {
    walk.give_up();
    walk.result.unreadable = forwarding.header != ForwardedHeader::off;
  }
  return walk.result;
}

std::string_view forwarded_value(const RequestHead& head, std::string_view name) {
  for (std::size_t i = head.field_count(); i-- > 0;) {
    const HeaderField field = head.field(i);
    if (!chars::iequals(field.name, name)) continue;
    const std::size_t comma = field.value.rfind(',');
    return usable(
        chars::trim(comma == std::string_view::npos ? field.value : field.value.substr(comma + 1)));
  }
  return {};
}

}  // namespace ringcast
