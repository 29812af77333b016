#include "tools/ringload/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tools/ringload/html_text.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kColours = 8;
constexpr double kCharacter = 7.3;  // about what one takes at 13 px
constexpr std::size_t kMostNameBytes = 48;

struct Frame {
  double left, top, right, bottom;

  double x(const PlotAxis& axis, double value) const {
    return left + axis.place(value) * (right - left);
  }
  double y(const PlotAxis& axis, double value) const {
    return bottom - axis.place(value) * (bottom - top);
  }
};

std::string line(double x1, double y1, double x2, double y2, std::string_view kind) {
  return fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", kind,
                     x1, y1, x2, y2);
}

std::string words(double x, double y, std::string_view kind, std::string_view text) {
  return fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", kind, x, y, html(text));
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string shortened(const std::string& name) {
  if (name.size() <= kMostNameBytes) return name;
  std::size_t end = kMostNameBytes;
  while (end > 0 && (name[end] & 0xc0) == 0x80) --end;
  return name.substr(0, end) + "…";
}

std::string head(std::string_view kind, const std::string& title, int width, double height) {
  return fmt::format(R"(<svg class="{0}" viewBox="0 0 {1} {2:.0f}" role="img" aria-label="{3}">)"
                     R"(<title>{3}</title>)",
                     kind, width, height, html(title));
}

struct Legend {
  std::string svg;
  double height = 0;
};

Legend legend_of(const LinePlot& plot, double left) {
  constexpr double kRow = 22;
  Legend legend;
  double x = left;
  double y = 16;
  for (std::size_t index = 0; index < plot.series.size(); ++index) {
    const std::string name = shortened(plot.series[index]);
    const double wide = 46 + static_cast<double>(characters(name)) * kCharacter;
    if (x > left && x + wide > plot.width) {
      x = left;
      y += kRow;
    }
    legend.svg += line(x, y - 4, x + 26, y - 4, "curve " + series_class(index));
    legend.svg += words(x + 32, y, "legend", name);
    x += wide;
  }
  legend.height = y + 10;
  return legend;
}

std::string axes_of(const LinePlot& plot, const Frame& frame) {
  std::string out;
  for (const PlotAxis::Tick& tick : plot.y.ticks) {
    const double y = frame.y(plot.y, tick.at);
    out += line(frame.left, y, frame.right, y, tick.text.empty() ? "grid minor" : "grid");
    if (!tick.text.empty()) out += words(frame.left - 8, y + 4, "tick end", tick.text);
  }
  for (const PlotAxis::Tick& tick : plot.x.ticks) {
    const double x = frame.x(plot.x, tick.at);
    out += line(x, frame.top, x, frame.bottom, "grid");
    out += words(x, frame.bottom + 19, "tick middle", tick.text);
  }
  out += line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  out += line(frame.left, frame.top, frame.left, frame.bottom, "axis");
  out += words((frame.left + frame.right) / 2, frame.bottom + 42, "label middle", plot.x.label);
  const double middle = (frame.top + frame.bottom) / 2;
  constexpr const char* kTurned =
      R"-(<text class="label middle" transform="translate(16 {:.1f}) rotate(-90)">{}</text>)-";
  return out + fmt::format(fmt::runtime(kTurned), middle, html(plot.y.label));
}

std::string path_of(const LinePlot& plot, const PlotLine& drawn, const Frame& frame) {
  std::string path;
  std::string dots;
  for (const PlotPoint& point : drawn.points) {
    const double x = frame.x(plot.x, point.x);
    const double y = frame.y(plot.y, point.y);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y);
    if (point.about.empty()) continue;
    dots += fmt::format(
        R"(<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3.5"><title>{}</title></circle>)",
        series_class(drawn.series), x, y, html(point.about));
  }
  return fmt::format(R"(<path class="curve {}{}" d="{}"/>)", series_class(drawn.series),
                     drawn.faint ? " faint" : "", path) +
         dots;
}

std::string bar_of(const BarPlot& plot, const Bar& bar, const Frame& frame, double y) {
  constexpr double kThick = 20;
  const double end = std::max(frame.x(plot.axis, bar.value), frame.left + 1);
  std::string out = words(frame.left + 5, y - 7, "name", shortened(bar.name));
  out +=
      fmt::format(R"(<rect class="bar {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="2">)"
                  R"(<title>{}: {}</title></rect>)",
                  series_class(bar.series), frame.left, y, end - frame.left, kThick, html(bar.name),
                  html(bar.text));
  double text_at = end;
  if (bar.max > bar.min) {
    const double from = frame.x(plot.axis, bar.min);
    const double to = frame.x(plot.axis, bar.max);
    const double middle = y + kThick / 2;
    out += line(from, middle, to, middle, "whisker");
    out += line(from, middle - 5, from, middle + 5, "whisker");
    out += line(to, middle - 5, to, middle + 5, "whisker");
    text_at = std::max(text_at, to);
  }
  return out + words(text_at + 7, y + kThick / 2 + 5, "value", bar.text);
}

}  // namespace

std::string series_class(std::size_t series) {
  // Where the colours begin again, and in the second half of them, dashes tell them apart.
  return fmt::format("s{}{}", series % kColours, series / (kColours / 2) % 2 == 1 ? " dashed" : "");
}

std::string svg_of(const LinePlot& plot) {
  constexpr double kLeft = 74;
  const Legend legend = legend_of(plot, kLeft);
  const Frame frame{.left = kLeft,
                    .top = legend.height + 6,
                    .right = plot.width - 22.0,
                    .bottom = plot.height - 52.0 + legend.height - 26};
  std::string out = head("plot", plot.title, plot.width, frame.bottom + 52);
  out += legend.svg + axes_of(plot, frame);
  for (const bool faint : {true, false}) {
    for (const PlotLine& each : plot.lines) {
      if (each.faint == faint && !each.points.empty()) out += path_of(plot, each, frame);
    }
  }
  return out + "</svg>\n";
}

std::string svg_of(const BarPlot& plot) {
  constexpr double kRow = 52;
  std::size_t longest = 0;
  for (const Bar& bar : plot.bars) longest = std::max(longest, characters(bar.text));
  const Frame frame{.left = 6,
                    .top = 6,
                    .right = plot.width - 18 - static_cast<double>(longest) * (kCharacter + 0.6),
                    .bottom = 6 + kRow * static_cast<double>(plot.bars.size())};
  std::string out = head("plot bars", plot.title, plot.width, frame.bottom + 50);
  for (const PlotAxis::Tick& tick : plot.axis.ticks) {
    const double x = frame.x(plot.axis, tick.at);
    out += line(x, frame.top, x, frame.bottom, "grid");
    out +=
        words(x, frame.bottom + 18, tick.at == plot.axis.from ? "tick" : "tick middle", tick.text);
  }
  out += line(frame.left, frame.top, frame.left, frame.bottom, "axis");
  out += words((frame.left + frame.right) / 2, frame.bottom + 40, "label middle", plot.axis.label);
  double y = frame.top + 24;
  for (const Bar& bar : plot.bars) {
    out += bar_of(plot, bar, frame, y);
    y += kRow;
  }
  return out + "</svg>\n";
}

}  // namespace ringcast::load
