// UTF-8: see core/utf8.h.
#pragma once

#include "core/utf8.h"
