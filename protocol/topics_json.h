// The list of topics, as the API and the administrator get it.
#pragma once

#include <string>

#include "core/event_id.h"
#include "core/topic_table.h"

namespace ringcast {

// Adds `{"topic","events","bytes","subscribers","first_id","last_id"}`, behind a comma unless
// `list` ends with one or with its bracket.
void append_topic(std::string& list, const TopicInfo& topic, const EventIds& ids);

}  // namespace ringcast
