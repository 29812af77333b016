// Plots as SVG: they show without any script, and scale.
//
// Colours are classes, `s0` to `s7`, that the page's style sheet gives for dark and for light.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/ringload/plot_axis.h"

namespace ringcast::load {

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::string about;  // shown when pointed at; empty: the line passes without a dot
};

struct PlotLine {
  std::size_t series = 0;
  bool faint = false;  // one of several runs, and not the typical one
  std::vector<PlotPoint> points;
};

struct LinePlot {
  std::string title;
  PlotAxis x;
  PlotAxis y;
  std::vector<std::string> series;  // their names, for the legend
  std::vector<PlotLine> lines;
  int width = 960;
  int height = 420;
};

struct Bar {
  std::string name;
  std::size_t series = 0;
  double value = 0;
  double min = 0;  // of all runs: a whisker, unless it is no range
  double max = 0;
  std::string text;  // written at it
};

struct BarPlot {
  std::string title;
  PlotAxis axis;
  std::vector<Bar> bars;
  int width = 420;
};

std::string svg_of(const LinePlot& plot);
std::string svg_of(const BarPlot& plot);

// The classes of a series.
std::string series_class(std::size_t series);

}  // namespace ringcast::load
