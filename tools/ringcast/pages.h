// The page at `/`, compiled into the program from tools/web.
#pragma once

#include <vector>

#include "protocol/server_state.h"

namespace ringcast {

std::vector<Page> embedded_pages();

}  // namespace ringcast
