// The style sheet of a report. The colours of the series are those of Okabe and Ito, which people
// with any colour vision tell apart; against a dark ground they are lighter.
#pragma once

namespace ringcast::load {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d9dee4;
  --grid: #e6e9ed; --minor: #f1f3f5; --warn-ground: #fff4d6; --warn-line: #d39e00; --bad: #b42318;
  --good: #1a7f37; --code: #f0f2f5;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b9538f; --c4: #b58100; --c5: #3f9bd1;
  --c6: #444b53; --c7: #857a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --card: #171c23; --ink: #e6e9ed; --soft: #9aa5b1; --line: #2c343e;
    --grid: #28303a; --minor: #1e242c; --warn-ground: #3a2f10; --warn-line: #d39e00;
    --bad: #ff8a7a; --good: #5fd38a; --code: #0f1318;
    --c0: #4da6e0; --c1: #f07f3c; --c2: #2cc79b; --c3: #e29ac2; --c4: #f2b632; --c5: #9bd8f7;
    --c6: #d5dae0; --c7: #e6dc4a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
main { max-width: 1380px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 0; }
.about, .hint { color: var(--soft); margin: 0; }
.hint { font-size: 13px; margin-bottom: 10px; max-width: 100ch; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 18px 20px; margin-top: 18px;
}
.row { display: grid; gap: 18px; margin-top: 18px; }
.row .card { margin-top: 0; min-width: 0; }
.three { grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); }
.two { grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); }
.warnings { background: var(--warn-ground); border-color: var(--warn-line);
  border-left-width: 6px; }
.warnings ul { margin: 6px 0 0; padding-left: 20px; }
.states { list-style: none; display: flex; flex-wrap: wrap; gap: 8px 10px; padding: 0;
  margin: 16px 0 0; }
.states li { background: var(--card); border: 1px solid var(--line); border-radius: 20px;
  padding: 3px 14px 3px 10px; }
.states li::before { content: ""; display: inline-block; width: 10px; height: 10px;
  margin-right: 8px; border-radius: 50%; background: var(--c); }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 13px; }
svg .tick, svg .label { fill: var(--soft); }
svg .tick { font-size: 12px; font-variant-numeric: tabular-nums; }
svg .name { font-size: 13px; }
svg .value { font-weight: 600; font-variant-numeric: tabular-nums; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
.grid { stroke: var(--grid); }
.grid.minor { stroke: var(--minor); }
.axis { stroke: var(--soft); }
.curve { fill: none; stroke: var(--c); stroke-width: 2.4; stroke-linejoin: round; }
.curve.faint { stroke-width: 1.2; opacity: .45; }
.dashed.curve { stroke-dasharray: 8 4; }
.dot { fill: var(--card); stroke: var(--c); stroke-width: 2; }
.bar { fill: var(--c); }
.bar.dashed { fill-opacity: .75; }
.whisker { stroke: var(--ink); stroke-width: 1.6; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }
.s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .s6 { --c: var(--c6); } .s7 { --c: var(--c7); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 400; color: var(--soft); white-space: normal; min-width: 13ch; }
thead th { border-bottom: 2px solid var(--line); }
thead th.series { border-bottom-color: var(--c); }
tbody tr.group th, tbody tr.group td { border-top: 2px solid var(--line); }
td small { display: block; color: var(--soft); font-size: 12px; }
td.best { font-weight: 700; }
td.best small { font-weight: 400; }
table.narrow { width: auto; }
td.left, th.left { text-align: left; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 6px; margin: 8px 0 0;
  padding: 10px 12px; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 2;
  font: 13px/1.5 ui-monospace, "Liberation Mono", Menlo, Consolas, monospace; }
h3 { font-size: 15px; margin: 14px 0 0; }
summary { cursor: pointer; font-size: 17px; font-weight: 700; }
details[open] summary { margin-bottom: 10px; }
footer { color: var(--soft); font-size: 13px; margin-top: 22px; max-width: 110ch; }
@media (max-width: 560px) {
  main { padding: 16px 10px 32px; }
  .three, .two { grid-template-columns: 1fr; }
  .plot:not(.bars) { min-width: 560px; }
}
@media print { .card { break-inside: avoid; } body { background: none; } }
)css";

}  // namespace ringcast::load
