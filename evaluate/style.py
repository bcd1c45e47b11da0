"""The look of the report: one style sheet, for a phone and a desktop, by day and by night."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #1d2126; --soft: #636b74; --line: #e3e0d8;
  --good: #0b7a75; --bad: #c2410c; --none: #8a9099; --mark: #fff0b8; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --card: #1c2024; --ink: #e8e6e1; --soft: #9aa3ad; --line: #30363d;
  --good: #4fd1c5; --bad: #fb923c; --none: #78828d; --mark: #4d4313; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .9rem; } .note { max-width: 46rem; }
.tally { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0 0; }
.tally div { flex: 1 1 8rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem 1rem; }
.tally b { display: block; font-size: 1.9rem; line-height: 1.15; font-variant-numeric: tabular-nums; }
.better { color: var(--good); } .worse { color: var(--bad); } .cannot-tell { color: var(--none); }
.forest { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .5rem 1rem .8rem; }
.row { display: grid; grid-template-columns: 13rem 1fr 12.5rem; gap: .2rem 1rem; align-items: center; padding: .3rem 0; }
.row + .row { border-top: 1px solid var(--line); }
.row span:last-child { text-align: right; font-variant-numeric: tabular-nums; font-size: .9rem; }
.part { padding-left: 1rem; color: var(--soft); }
svg { display: block; width: 100%; height: 1.5rem; overflow: visible; }
.axis svg { height: 1rem; } .axis text { fill: var(--soft); font-size: 11px; }
.row .zero { stroke: var(--soft); stroke-width: 1; opacity: .5; } 
.better line, .better circle { stroke: var(--good); fill: var(--good); }
.worse line, .worse circle { stroke: var(--bad); fill: var(--bad); }
.cannot-tell line, .cannot-tell circle { stroke: var(--none); fill: var(--none); }
.bar { stroke-width: 3; stroke-linecap: round; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { overflow-wrap: normal; border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .65rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 500; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
tr.whole td { font-weight: 600; } td.part { padding-left: 1.6rem; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: .5rem 0; padding: .6rem 1rem; }
details details { border-width: 1px 0 0; border-radius: 0; margin: .4rem 0 0; padding: .5rem 0 0; }
summary { cursor: pointer; } summary:focus-visible { outline: 2px solid var(--good); outline-offset: 3px; }
pre { white-space: pre-wrap; margin: .3rem 0; font: .85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  unicode-bidi: isolate; }
mark { background: var(--mark); color: inherit; border-radius: .2rem; padding: 0 .1rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin-top: .5rem; }
.pair > div { border-left: 3px solid var(--none); padding-left: .8rem; min-width: 0; }
.pair > .right { border-color: var(--good); } .pair > .wrong { border-color: var(--bad); }
.tag { color: var(--soft); font-size: .8rem; } .facts td { white-space: normal; text-align: left; }
@media (max-width: 44rem) { body { padding: 1.2rem .9rem 3rem; } .row { grid-template-columns: 1fr auto; }
  .row svg { grid-column: 1 / -1; grid-row: 2; } .axis { display: none; } .pair { grid-template-columns: 1fr; } }
@media print { details { break-inside: avoid; } }
"""
