#include "tools/ringcast/pages.h"

namespace ringcast {

// Written by the build from the files in tools/web.
extern const std::string_view kIndexHtml;
extern const std::string_view kAppJs;
extern const std::string_view kStyleCss;

std::vector<Page> embedded_pages() {
  return {{"/", "text/html; charset=utf-8", kIndexHtml},
          {"/app.js", "text/javascript; charset=utf-8", kAppJs},
          {"/style.css", "text/css; charset=utf-8", kStyleCss}};
}

}  // namespace ringcast
