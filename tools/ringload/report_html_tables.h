// The tables of an HTML report, and the commands for repeating what it is about.
#pragma once

#include <string>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

// Measurements side by side.
std::string figures_table(const std::vector<Measurement>& measurements);
// Every run for itself; empty where each measurement has only one.
std::string runs_table(const std::vector<Measurement>& measurements);
// Machines, each with the measurements that were made on it.
std::string environment_table(const std::vector<Measurement>& measurements);
// The scenarios that the measurements were made by, each once.
std::string scenarios_of(const std::vector<Measurement>& measurements);
std::string commands_of(const std::vector<Measurement>& measurements);

// "3 lost, 1 duplicates"; empty if nothing did.
std::string what_went_wrong(const Measurement& measurement);

}  // namespace ringcast::load
