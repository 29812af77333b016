#include "protocol/topics_json.h"

#include <fmt/format.h>

#include <iterator>

namespace ringcast {

void append_topic(std::string& list, const TopicInfo& topic, const EventIds& ids) {
  const auto id_text = [&ids](std::uint64_t number) {
    return number == 0 ? std::string("null") : fmt::format("\"{}\"", ids.text(number));
  };
  if (!list.ends_with('[') && !list.ends_with(',')) list += ',';
  fmt::format_to(std::back_inserter(list),
                 "{{\"topic\":\"{}\",\"events\":{},\"bytes\":{},\"subscribers\":{},"
                 "\"first_id\":{},\"last_id\":{}}}",
                 topic.name, topic.events, topic.bytes, topic.subscribers,
                 id_text(topic.first_number), id_text(topic.last_number));
}

}  // namespace ringcast
