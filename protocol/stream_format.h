// In which form a client wants a stream over HTTP: as server-sent events, or as lines of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http_head.h"

namespace ringcast {

enum class StreamFormat : std::uint8_t { events, lines };

inline constexpr std::string_view kLinesType = "application/x-ndjson";

// `format=sse` or `format=ndjson` of the query, else the header Accept (RFC 9110 §12.5.1): lines
// only where a media type of theirs is named, and none of `text/event-stream` that is preferred or
// as good and before it. Nothing if `format` is something else.
std::optional<StreamFormat> stream_format(const RequestHead& head);

}  // namespace ringcast
