// The program's version; the build defines it from the project's.
#pragma once

namespace ringcast {

inline constexpr const char* kVersion = RINGCAST_VERSION;

}  // namespace ringcast
