#include "protocol/mcp/rpc_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/event_stream.h"
#include "protocol/json_values.h"

namespace ringcast {

namespace ondemand = simdjson::ondemand;
namespace dom = simdjson::dom;

namespace {

constexpr std::size_t kUsualBytes = 16 << 10;  // what a parser keeps room for
constexpr std::string_view kVersion = "\"2.0\"";

RpcError invalid(std::string message) {
  return {.code = rpc::kInvalidRequest, .message = std::move(message)};
}

// What keeps a text from being read, in words that its author can act on.
std::string_view complaint(simdjson::error_code error) {
  switch (error) {
    case simdjson::DEPTH_ERROR:
      return "This is nested more than 64 levels deep.";
    case simdjson::NUMBER_ERROR:
    case simdjson::NUMBER_OUT_OF_RANGE:
      return "A number in this is none, or does not fit into 64 bits.";
    case simdjson::STRING_ERROR:
    case simdjson::UTF8_ERROR:
      return "A string in this is not valid Unicode.";
    default:
      return "This is not JSON.";
  }
}

RpcError malformed(simdjson::error_code error = simdjson::TAPE_ERROR) {
  return {.code = rpc::kParseError, .message = std::string(complaint(error))};
}

// Whether something follows what was read.
bool has_more(ondemand::document& document) {
  const char* where = nullptr;
  return document.current_location().get(where) == simdjson::SUCCESS;
}

bool is_number(std::string_view text) {
  return !text.empty() && (text.front() == '-' || (text.front() >= '0' && text.front() <= '9'));
}

}  // namespace

// The values of the envelope's members, as written; empty where one is missing.
struct RpcParser::Members {
  std::string_view version, id, method, params, result, error;
};

void RpcParser::trim() {
  if (tree_capacity_ > kUsualBytes) {
    tree_ = dom::parser();
    tree_capacity_ = 0;
  }
  if (envelope_capacity_ > kUsualBytes) {
    envelope_ = ondemand::parser();
    envelope_capacity_ = 0;
  }
}

simdjson::error_code RpcParser::parse_tree(std::string_view text, dom::element& out) {
  if (tree_capacity_ < text.size()) {
    tree_capacity_ = std::max(text.size(), kUsualBytes);
    if (const auto error = tree_.allocate(tree_capacity_, kMostDepth)) return error;
  }
  return tree_.parse(text.data(), text.size(), false).get(out);
}

std::optional<RpcError> RpcParser::read_members(std::string_view text, RpcMessage& out,
                                                Members& members) {
  ondemand::document document;
  ondemand::object object;
  envelope_capacity_ = std::max(envelope_capacity_, text.size());
  if (envelope_.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING)
          .get(document) != simdjson::SUCCESS) {
    return malformed();
  }
  const auto began = document.get_object().get(object);
  if (began == simdjson::INCORRECT_TYPE) {
    dom::element other;
    const auto error = parse_tree(text, other);
    return error ? malformed(error) : invalid("A message is a JSON object.");
  }
  if (began != simdjson::SUCCESS) return malformed();
  for (auto found : object) {
    ondemand::field field;
    std::string_view key;
    if (std::move(found).get(field) != simdjson::SUCCESS ||
        field.unescaped_key().get(key) != simdjson::SUCCESS) {
      return malformed();
    }
    if (auto error = read_member(key, field.value(), out, members)) return error;
  }
  if (has_more(document)) return malformed();
  return std::nullopt;
}

std::optional<RpcError> RpcParser::read_member(std::string_view key, ondemand::value& value,
                                               RpcMessage& out, Members& members) {
  std::string_view* const place = key == "jsonrpc"  ? &members.version
                                  : key == "id"     ? &members.id
                                  : key == "method" ? &members.method
                                  : key == "params" ? &members.params
                                  : key == "result" ? &members.result
                                  : key == "error"  ? &members.error
                                                    : nullptr;
  std::string_view raw;
  if (place != nullptr && !place->empty()) return invalid("A member stands there twice.");
  if (raw_json(value, raw) != simdjson::SUCCESS || raw.empty()) return malformed();
  if (place == nullptr) {
    dom::element ignored;
    const auto error = parse_tree(raw, ignored);
    return error ? std::optional(malformed(error)) : std::nullopt;
  }
  *place = raw;
  if (place == &members.id) {
    double number = 0;
    std::string_view string;
    const bool good =
        is_number(raw) ? value.get_double().get(number) == simdjson::SUCCESS
                       : raw.front() == '"' && value.get_string().get(string) == simdjson::SUCCESS;
    if (!good && is_number(raw)) return malformed(simdjson::NUMBER_ERROR);
    if (good && raw.size() <= kMostIdBytes) out.id = raw;
  }
  if (place == &members.method) {
    std::string_view method;
    if (value.get_string().get(method) != simdjson::SUCCESS)
      return invalid("`method` is a string.");
    method_ = method;
    out.method = method_;
  }
  return std::nullopt;
}

std::optional<RpcError> RpcParser::parse(std::string_view text, RpcMessage& out) {
  out = {};
  Members members;
  if (auto error = read_members(text, out, members)) return error;
  if (members.version != kVersion) return invalid("`jsonrpc` must be \"2.0\".");
  if (!members.id.empty() && out.id.empty()) {
    return invalid("`id` must be a string or a number, of at most 256 bytes.");
  }
  const bool answers = !members.result.empty() || !members.error.empty();
  if (members.method.empty() != answers)
    return invalid("This is neither a request nor a response.");
  if (answers) return read_response(members, out);
  out.kind = members.id.empty() ? RpcMessage::Kind::notification : RpcMessage::Kind::request;
  if (members.params.empty()) return std::nullopt;
  dom::element params;
  if (const auto error = parse_tree(members.params, params)) return malformed(error);
  if (params.get_object().get(out.params) != simdjson::SUCCESS) {
    return RpcError{.code = rpc::kInvalidParams, .message = "`params` must be an object."};
  }
  out.has_params = true;
  return std::nullopt;
}

std::optional<RpcError> RpcParser::read_response(const Members& members, RpcMessage& out) {
  out.kind = RpcMessage::Kind::response;
  if (members.id.empty()) return invalid("A response has an `id`.");
  if (!members.result.empty() && !members.error.empty()) {
    return invalid("A response has a `result` or an `error`, not both.");
  }
  out.failed = members.result.empty();
  out.result = out.failed ? members.error : members.result;
  dom::element ignored;
  if (const auto error = parse_tree(out.result, ignored)) return malformed(error);
  return std::nullopt;
}

bool RpcParser::is_batch(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '[';
}

std::expected<std::vector<std::string_view>, RpcError> RpcParser::split_batch(std::string_view text,
                                                                              std::size_t most) {
  std::vector<std::string_view> parts;
  ondemand::document document;
  ondemand::array array;
  envelope_capacity_ = std::max(envelope_capacity_, text.size());
  if (envelope_.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING)
              .get(document) != simdjson::SUCCESS ||
      document.get_array().get(array) != simdjson::SUCCESS) {
    return std::unexpected(malformed());
  }
  const auto wrong_count = [most] {
    return std::unexpected(invalid(fmt::format("A batch has between 1 and {} messages.", most)));
  };
  for (auto found : array) {
    ondemand::value value;
    std::string_view raw;
    if (std::move(found).get(value) != simdjson::SUCCESS ||
        raw_json(value, raw) != simdjson::SUCCESS) {
      return std::unexpected(malformed());
    }
    if (parts.size() == most) return wrong_count();
    parts.push_back(raw);
  }
  if (has_more(document)) return std::unexpected(malformed());
  if (parts.empty()) return wrong_count();
  return parts;
}

void append_rpc_error(std::string& out, std::string_view id, const RpcError& error) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":)",
                 id.empty() ? "null" : id, error.code);
  append_json_string(out, error.message);
  if (!error.data.empty()) out.append(",\"data\":").append(error.data);
  out += "}}";
}

}  // namespace ringcast
