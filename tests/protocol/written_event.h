// An event as it stands in a history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/event_id.h"
#include "core/event_stream.h"

namespace ringcast {

inline const EventIds kIds("e", 1);

inline std::string written(const NewEvent& event, std::uint64_t number) {
  std::string block(event_bytes(event), '\0');
  block.resize(
      static_cast<std::size_t>(write_event(block.data(), event, number, kIds) - block.data()));
  return block;
}

}  // namespace ringcast
