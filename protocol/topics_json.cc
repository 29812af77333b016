#include "protocol/topics_json.h"

#include <fmt/format.h>

namespace ringcast {

std::string topics_json(const std::vector<TopicInfo>& topics, const EventIds& ids) {
  const auto id_text = [&ids](std::uint64_t number) {
    return number == 0 ? std::string("null") : fmt::format("\"{}\"", ids.text(number));
  };
  std::string text = "[";
  for (const TopicInfo& topic : topics) {
    if (text.back() != '[') text += ',';
    text += fmt::format(
        "{{\"topic\":\"{}\",\"events\":{},\"bytes\":{},\"subscribers\":{},\"first_id\":{},"
        "\"last_id\":{}}}",
        topic.name, topic.events, topic.bytes, topic.subscribers, id_text(topic.first_number),
        id_text(topic.last_number));
  }
  text += ']';
  return text;
}

}  // namespace ringcast
