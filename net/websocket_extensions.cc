#include "net/websocket_extensions.h"

#include "net/http_chars.h"

namespace ringcast {

bool WsExtensionReader::fail() {
  failed_ = true;
  rest_ = {};
  return false;
}

// A separator, with the blanks around it.
bool WsExtensionReader::take(char c) {
  rest_ = chars::trim(rest_);
  if (!rest_.starts_with(c)) return false;
  rest_ = chars::trim(rest_.substr(1));
  return true;
}

bool WsExtensionReader::take_token(std::string_view& token) {
  std::size_t end = 0;
  while (end < rest_.size() && chars::is(rest_[end], chars::kToken)) ++end;
  token = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return !token.empty();
}

// What is quoted has to be a token once it is unescaped.
bool WsExtensionReader::take_quoted(std::string_view& value) {
  std::size_t end = 0;
  while (end < rest_.size() && rest_[end] != '"') {
    if (rest_[end] == '\\') ++end;
    if (end == rest_.size() || !chars::is(rest_[end], chars::kToken)) return false;
    ++end;
  }
  if (end == 0 || end == rest_.size()) return false;
  value = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return true;
}

bool WsExtensionReader::take_parameter(WsExtension& extension) {
  WsExtension::Parameter parameter;
  if (!take_token(parameter.name)) return false;
  if (take('=')) {
    std::string_view value;
    if (rest_.starts_with('"')) {
      rest_.remove_prefix(1);
      if (!take_quoted(value)) return false;
    } else if (!take_token(value)) {
      return false;
    }
    parameter.value = value;
  }
  if (extension.count < WsExtension::kMostParameters) {
    extension.parameters[extension.count] = parameter;
  }
  ++extension.count;
  return true;
}

bool WsExtensionReader::next(WsExtension& extension) {
  extension = {};
  while (take(',')) {
  }
  if (rest_.empty()) return false;
  if (!take_token(extension.name)) return fail();
  while (take(';')) {
    if (!take_parameter(extension)) return fail();
  }
  if (rest_.empty() || rest_.front() == ',') return true;
  return fail();
}

}  // namespace ringcast
