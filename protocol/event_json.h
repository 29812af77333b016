// Events as JSON objects: `{"id":…,"topic":…,"event":…,"data":…}`.
#pragma once

#include <string>
#include <string_view>

#include "core/event_stream.h"

namespace ringcast {

// `data` is a string; an empty topic is left out.
void append_event_json(std::string& out, std::string_view topic, const EventParts& event);
// The data itself, its lines joined by line feeds.
void append_event_data(std::string& out, std::string_view data);

}  // namespace ringcast
