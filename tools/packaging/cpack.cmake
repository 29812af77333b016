# `cpack` in a release build folder: ringcast (programs, unit, manual), libringcast-dev (libraries,
# headers, CMake package) and the debug symbols of the programs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ringcast)
set(CPACK_PACKAGE_VENDOR "the ringcast maintainers")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_COMPONENTS_ALL server development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)  # a package a component
# /etc and /lib are outside of the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The ringcast maintainers <maintainers@ringcast.example>")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME ringcast)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION web)
set(CPACK_DEBIAN_SERVER_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "haproxy | nginx")
set(CPACK_DEBIAN_SERVER_DEBUGINFO_PACKAGE ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
  ${here}/debian/postinst ${here}/debian/prerm ${here}/debian/postrm ${here}/debian/conffiles)
set(CPACK_COMPONENT_SERVER_DESCRIPTION
"event-streaming server: SSE, WebSocket, MCP, exact replay
Publish an event with one HTTP request; every subscriber gets it over
server-sent events or WebSocket at once, in order, and with an id from which
it resumes exactly. AI clients read, wait and act over MCP. One process, no
external service, a thread per core on io_uring (Linux 5.19 or newer).
.
With the command line to publish, subscribe and control, and with ringload,
which puts servers under load and checks what they deliver.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libringcast-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${development_packages}")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"event-streaming server: libraries for programs of one's own
Coroutines on io_uring, HTTP and WebSocket servers and clients, MCP servers
and event streams in C++23. CMake's find_package(ringcast) gives
ringcast::core, ringcast::net and ringcast::protocol; clang 19 or newer
compiles what uses them.")
include(CPack)
