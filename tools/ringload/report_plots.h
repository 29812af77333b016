// The plots of a report, each as SVG; empty where no measurement has what it would show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

// Bars of one figure, a bar a measurement.
std::string figure_bars(const std::vector<Measurement>& measurements, std::string_view figure,
                        const std::string& title, const std::string& axis_label);

// All runs, the typical one of each measurement in front.
std::string latency_curve(const std::vector<Measurement>& measurements);
std::string throughput_over_time(const std::vector<Measurement>& measurements);
std::string p99_over_time(const std::vector<Measurement>& measurements);

}  // namespace ringcast::load
