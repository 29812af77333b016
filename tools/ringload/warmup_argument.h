// `--warmup SECONDS` and `--warmup auto`.
#pragma once

#include "tools/ringload/options.h"

namespace CLI {
class App;
}

namespace ringcast::load {

void add_warmup_option(CLI::App& app, Options& options);

}  // namespace ringcast::load
