"""How the pages look: one column of text, the operations beside it, light or dark as the reader likes."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--line:#d9dfe6;--paper:#fff;--tint:#f4f6f9;
--link:#0b5cad;--mark:#0a6b4f}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa7b6;--line:#333d49;--paper:#12161c;
--tint:#1b2129;--link:#7db7f5;--mark:#5fd0ab}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,sans-serif}
html{scroll-padding-top:4.5rem}
header{padding:.8rem 1.5rem;border-bottom:1px solid var(--line);font-weight:600;
position:sticky;top:0;z-index:1;background:var(--paper)}
header{display:flex;gap:1rem;align-items:center;justify-content:space-between}
header a{color:inherit;text-decoration:none}header a.contents{display:none;font-weight:400;color:var(--link)}
input{font:400 1rem system-ui,sans-serif;color:inherit;
background:var(--tint);border:1px solid var(--line);border-radius:4px;
padding:.25rem .6rem;width:100%;max-width:18rem}
input:focus-visible{outline:3px solid var(--link);outline-offset:2px}
a{color:var(--link)}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem}
.columns{display:flex;gap:2.5rem;max-width:78rem;margin:0 auto;padding:1.5rem}
nav.readers{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:.5rem 1.5rem;font-size:.92rem;
border-bottom:1px solid var(--line)}
#contents{flex:0 0 15rem;position:sticky;top:4.5rem;align-self:flex-start;max-height:calc(100vh - 5.5rem);
overflow:auto;font-size:.88rem}
#contents ul{list-style:none;padding:0}#contents li{margin:.25rem 0}[aria-current]{font-weight:600}
main{flex:1;min-width:0}
@media (max-width:56rem){.columns{display:block}.columns{padding:1rem}header{padding:.6rem 1rem}
header a.contents{display:block;white-space:nowrap}nav.readers{padding:.5rem 1rem}#contents{display:none}
#contents:target{display:block;position:static;max-height:none;margin-bottom:1.5rem;padding:.6rem .8rem;
border:1px solid var(--line);border-radius:4px}#contents li{margin:.6rem 0}table{display:block;overflow-x:auto}}
h1,h2,h3{overflow-wrap:anywhere}h1{line-height:1.2;margin:2rem 0 1rem}main>h1:first-child{margin-top:0}
h2{margin:2.5rem 0 .6rem;line-height:1.3}h3{margin:1.4rem 0 .4rem;font-size:1rem}
.code{position:relative}.code pre{padding-right:5rem}
button.copy{position:absolute;top:.4rem;right:.4rem}
button{font:inherit;font-size:.88rem;color:inherit;background:var(--paper);border:1px solid var(--line);
border-radius:4px;padding:.25rem .7rem;cursor:pointer}button:focus-visible{outline:3px solid var(--link)}
.try label{display:block;margin:.6rem 0;font-size:.92rem}.try input:not([type=checkbox]),textarea{display:block;
max-width:none;width:100%;font:.88rem/1.5 ui-monospace,monospace;color:inherit;background:var(--tint);
border:1px solid var(--line);border-radius:4px;padding:.4rem .6rem}.tick input{width:auto}
output{display:block;white-space:pre-wrap;overflow-wrap:anywhere;font:.88rem/1.5 ui-monospace,monospace;
background:var(--tint);padding:.8rem 1rem;border-radius:4px}form[hidden],output[hidden]{display:none}
ul.operations,ul.parts{padding-left:1.1rem}ul.operations li{margin:.4rem 0}:target{background:var(--tint)}
@media (min-width:56.01rem){.dense{columns:2;column-gap:2.5rem;font-size:.92rem}.dense>h1,.dense>h2{column-span:all}
.dense>h3{break-after:avoid}.dense>:is(.code,pre,p,ol){break-inside:avoid}
ul.parts,ul.operations{columns:2}ul.operations li{break-inside:avoid}}
code,pre{font:.88em/1.5 ui-monospace,monospace;background:var(--tint);border-radius:4px}
code{padding:.1em .3em;overflow-wrap:anywhere}pre{padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}
pre[tabindex],output{max-height:26rem;overflow:auto}
td:first-child code{white-space:nowrap}pre code{padding:0}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line)}
ul.members{margin:.2rem 0;padding-left:1.1rem;list-style:none;border-left:2px solid var(--line)}
ul.members li{margin:.25rem 0}ul.addresses{list-style:none;padding:0}
.method{font:600 .8rem ui-monospace,monospace;color:var(--mark)}
.type,.bounds,.of,.media{color:var(--soft);font-size:.88rem}
b{font-weight:600;font-size:.85rem}
details{margin:.4rem 0}summary{cursor:pointer;color:var(--soft)}
.status{margin-right:.6rem}
ul.hits{list-style:none;padding:0}ul.hits li{margin:.9rem 0;overflow-wrap:anywhere}
dt{margin-top:.5rem}
main img{max-width:100%;border:1px solid var(--line);border-radius:6px}
"""
