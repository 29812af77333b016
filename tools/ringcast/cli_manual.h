// What ringcast's manual pages and completions have beyond its commands: settings, actions, files.
#pragma once

#include "tools/manual/commands.h"

namespace ringcast {

Manual ringcast_manual();

// ringcast.yaml(5), from the table of settings.
std::string config_man_page();

}  // namespace ringcast
