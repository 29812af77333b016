# What the installed libraries need, read off their targets, so that it cannot lag behind: in
# `find_dependencies` the lines that look for it, in `development_packages` the Debian packages.
set(found_by_cmake
  "Threads::Threads|Threads|"
  "ZLIB::ZLIB|ZLIB|zlib1g-dev"
  "OpenSSL::Crypto|OpenSSL COMPONENTS Crypto|libssl-dev"
  "OpenSSL::SSL|OpenSSL COMPONENTS SSL|libssl-dev"
  "yaml-cpp|yaml-cpp|libyaml-cpp-dev"
  "fmt::fmt|fmt|libfmt-dev"
  "spdlog::spdlog|spdlog|libspdlog-dev")
set(links)
foreach(layer core net protocol)
  get_target_property(each ringcast_${layer} LINK_LIBRARIES)
  list(APPEND links ${each})
endforeach()
list(FILTER links EXCLUDE REGEX "^(ringcast_.*|llhttp|.*ringcast_options.*)$")
list(REMOVE_DUPLICATES links)

set(find_dependencies "find_dependency(PkgConfig)")
set(development_packages pkg-config)
foreach(link IN LISTS links)
  set(line)
  set(package)
  if(link MATCHES "^PkgConfig::(.+)$")
    set(name ${CMAKE_MATCH_1})
    set(module ${${name}_MODULE_NAME})
    set(line "pkg_check_modules(${name} REQUIRED QUIET IMPORTED_TARGET ${module})")
    execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --path ${module} OUTPUT_VARIABLE file
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(DPKG_QUERY AND file)
      execute_process(COMMAND ${DPKG_QUERY} -S ${file} OUTPUT_VARIABLE package ERROR_QUIET)
      string(REGEX REPLACE ":.*" "" package "${package}")
    endif()
  else()
    foreach(row IN LISTS found_by_cmake)
      string(REPLACE "|" ";" row "${row}")
      list(GET row 0 target)
      if(target STREQUAL link)
        list(GET row 1 arguments)
        list(GET row 2 package)
        set(line "find_dependency(${arguments})")
      endif()
    endforeach()
  endif()
  if(NOT line)
    message(FATAL_ERROR "tools/packaging/dependencies.cmake does not know how an installed "
      "ringcast finds ${link}: a row is missing there")
  endif()
  string(APPEND find_dependencies "\n${line}")
  list(APPEND development_packages ${package})
endforeach()
list(REMOVE_DUPLICATES development_packages)
list(JOIN development_packages ", " development_packages)
