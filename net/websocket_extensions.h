// Reads Sec-WebSocket-Extensions (RFC 6455 §9.1): extensions, each with parameters.
//
//   WsExtensionReader reader(value);
//   for (WsExtension extension; reader.next(extension);) …
//   if (reader.failed()) …  // not what the grammar allows: the handshake has failed
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ringcast {

struct WsExtension {
  struct Parameter {
    std::string_view name;
    std::optional<std::string_view> value;  // without quotes; what is escaped in it stays so
  };
  static constexpr std::size_t kMostParameters = 8;

  std::string_view name;
  std::array<Parameter, kMostParameters> parameters{};
  std::size_t count = 0;  // of all parameters, also of those beyond the array
};

// All views point into the list that is read.
class WsExtensionReader {
 public:
  explicit WsExtensionReader(std::string_view list) : rest_(list) {}

  // The next extension; false at the end, or once failed().
  bool next(WsExtension& extension);
  bool failed() const { return failed_; }

 private:
  bool fail();
  bool take(char c);
  bool take_token(std::string_view& token);
  bool take_parameter(WsExtension& extension);
  bool take_quoted(std::string_view& value);

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace ringcast
