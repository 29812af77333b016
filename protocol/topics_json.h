// The list of topics, as the API and the administrator get it.
#pragma once

#include <string>
#include <vector>

#include "core/event_id.h"
#include "core/topic_table.h"

namespace ringcast {

// `[{"topic","events","bytes","subscribers","first_id","last_id"},…]`
std::string topics_json(const std::vector<TopicInfo>& topics, const EventIds& ids);

}  // namespace ringcast
