"""The look of cards and pages: one style sheet for light, dark, narrow and printed."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
.wk { --ink: #1f2328; --quiet: #59636e; --rule: #d1d9e0; --paper: #fff; --card: #f6f8fa; --ok: #1a7f37; --warn:
#8a5a00; --alert: #c41e2a; --unknown: #7740d6; --measured: #59636e; --now: #0550ae; --estimate: #a0410d; --before:
#8c959f; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem; margin:
0 auto; padding: 0 1rem; } @media (prefers-color-scheme: dark) { .wk { --ink: #f0f6fc; --quiet: #a5aeb8; --rule:
#3d444d; --paper: #0d1117; --card: #151b23; --ok: #3fb950; --warn: #d29922; --alert: #ff7b72; --unknown: #bc8cff;
--measured: #a5aeb8; --now: #6cb6ff; --estimate: #f0883e; --before: #848d97; } } .wk h1 { font-size: 1.45rem;
line-height: 1.25; margin: .2rem 0 .3rem; overflow-wrap: anywhere; } .wk h2 { font-size: 1.1rem; margin: 1.8rem 0
.5rem; } .wk h3 { font-size: 1rem; margin: 0 0 .2rem; overflow-wrap: anywhere; } .wk p { margin: .3rem 0; } .wk .quiet
{ color: var(--quiet); } .wk .lead { font-size: 1.05rem; } .wk .OK { color: var(--ok); } .wk .WARN { color:
var(--warn); } .wk .ALERT { color: var(--alert); } .wk .UNKNOWN { color: var(--unknown); } .wk .measured { color:
var(--measured); } .wk .status { white-space: nowrap; font-weight: 600; } .wk .icon { display: inline-block;
min-width: 1.1em; text-align: center; } .wk .verdict { border-left: .4rem solid; padding: .2rem 0 .2rem .9rem; margin:
1rem 0; } .wk .verdict > * { color: var(--ink); } .wk .verdict .status { color: inherit; } .wk dl { display: flex;
flex-wrap: wrap; gap: .4rem 2rem; margin: .8rem 0; } .wk dt { color: var(--quiet); font-size: .85rem; } .wk dd {
margin: 0; } .wk table { border-collapse: collapse; width: 100%; } .wk td, .wk th { text-align: left; padding: .3rem
.6rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; } .wk td { overflow-wrap: anywhere; } .wk
td.what { min-width: 6.5rem; max-width: 16rem; } .wk td.status, .wk td.number, .wk th { overflow-wrap: normal; } .wk
td.number { text-align: right; font-variant-numeric: tabular-nums; } .wk .wide { overflow-x: auto; } .wk .grid {
display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; } .wk .card {
background: var(--card); border: 1px solid var(--rule); border-radius: .4rem; padding: .7rem .8rem; margin: 0; } .wk
.feature { margin-bottom: 1rem; } .wk .feature .grid { margin-top: .5rem; } .wk .card .card { background: none;
border: 0; padding: 0; } .wk summary { cursor: pointer; margin: 1.2rem 0 .4rem; font-weight: 600; } .wk svg { display:
block; width: 100%; height: auto; } .wk figure { margin: 0; } .wk figcaption { color: var(--quiet); font-size: .85rem;
} .wk svg text { fill: var(--quiet); font: 10.5px system-ui, sans-serif; } .wk svg .grid { stroke: var(--rule);
stroke-width: .6; } .wk svg .foot { stroke: var(--quiet); stroke-width: .8; } .wk svg .line { fill: none;
stroke-width: 1.8; stroke-linejoin: round; } .wk svg .now { stroke: var(--now); } .wk svg .estimate { stroke:
var(--estimate); } .wk svg .line.estimate { stroke-dasharray: 5 3; } .wk svg .band { stroke: none; opacity: .2; } .wk
svg .band.now { fill: var(--now); } .wk svg .band.estimate { fill: var(--estimate); opacity: .13; } .wk svg .dot {
stroke: var(--paper); } .wk svg .dot.now { fill: var(--now); } .wk svg .dot.estimate { fill: var(--estimate); } .wk
svg .whisker { stroke-width: 1.2; opacity: .6; } .wk svg .limit { stroke-width: 1.4; stroke-dasharray: 2 3; } .wk svg
.limit.alert { stroke: var(--alert); } .wk svg .limit.warn { stroke: var(--warn); } .wk svg .before { fill:
var(--before); opacity: .45; } .wk svg polygon.after { fill: var(--now); fill-opacity: .12; stroke: var(--now);
stroke-width: 1.6; } .wk svg rect.after { fill: var(--now); } .wk .key { display: inline-block; width: 1.5em; height:
.75em; margin-right: .35em; vertical-align: baseline; } .wk .key.line { height: 0; border-top: 2px solid;
vertical-align: middle; } .wk .key.now { color: var(--now); } .wk .key.estimate { color: var(--estimate);
border-top-style: dashed; } .wk .key.alert { color: var(--alert); border-top-style: dotted; } .wk .key.fill-before {
background: var(--before); opacity: .6; } .wk .key.fill-after { background: var(--now); opacity: .5; } .wk .legend
span { white-space: nowrap; margin-right: 1.2em; } @media (max-width: 40rem) { .wk { padding: 0 .6rem; } .wk .stack
thead { display: none; } .wk .stack tr { display: block; border-bottom: 1px solid var(--rule); padding: .35rem 0; }
.wk .stack td { display: block; border: 0; padding: 0; } .wk .stack td.status, .wk .stack td.what { display:
inline-block; padding-right: .6rem; } .wk .stack td.what { font-weight: 600; } } @media print { .wk { max-width: none;
} .wk .card, .wk .verdict { break-inside: avoid; } }
"""
PAGE_STYLE: Final = """
html { background: #fff; } body { margin: 0; padding: 1rem 0 3rem; }
@media (prefers-color-scheme: dark) { html { background: #0d1117; } }
"""
