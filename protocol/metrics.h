// The server's own figures: as Prometheus text (exposition format 0.0.4), and as events on the
// topic `metrics`.
#pragma once

#include <cstdint>
#include <string>

#include "core/task.h"
#include "protocol/server_state.h"

namespace ringcast {

// Sums over all cores, asked on one of them; others have their turns meanwhile.
Task<std::string> prometheus_text(Service& service);

// Publishes `metrics_update` on the topic `metrics` at every interval, until the server drains.
// Runs on one core.
Task<void> publish_metrics(Service* service);

}  // namespace ringcast
