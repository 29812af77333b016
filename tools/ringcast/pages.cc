#include "tools/ringcast/pages.h"

// Written by the build from the files in tools/web: kIndexHtml, kAppJs, kStyleCss.
#include "embedded_pages.h"

namespace ringcast {

std::vector<Page> embedded_pages() {
  return {{"/", "text/html; charset=utf-8", kIndexHtml},
          {"/app.js", "text/javascript; charset=utf-8", kAppJs},
          {"/style.css", "text/css; charset=utf-8", kStyleCss}};
}

}  // namespace ringcast
