"""A real headless browser on reports: does a page fit a desk and a phone, in light and in dark, with text that can be read?

    python3 tests/report_browser.py REPORT.html...

For each page, at 1280 and 390 pixels, light and dark, with its folds as they stand and all open:
- the page itself does not scroll sideways (`scrollWidth <= innerWidth`); what is wide scrolls in its own box;
- text has a contrast of 4.5 : 1 on what lies behind it, the curves 3 : 1;
- no text is smaller than 10 pixels (labels inside charts left out: their numbers stand in tables);
- what scrolls sideways can be reached by keyboard;
- dark is dark and light is light.

The page carries no script and forbids any; a copy that measures itself is made in a temporary folder. Without a browser it says
that it was skipped, and ends with 0.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
SIZES = [(1280, 900), (390, 844)]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=2000",
]
MEASURE = r"""
<script>
(() => {
  const wrong = [];
  const rgba = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((x, y) => y - x);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const name = element => element.tagName.toLowerCase() + (element.className.baseVal === undefined && element.className ? '.' + element.className : '');
  const look = state => {
    const [wide, have] = [document.documentElement.scrollWidth, innerWidth];
    if (wide > have) {
      const out = [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > have + 1 && !one.closest('.wide, pre'));
      wrong.push(`${state}: ${wide} pixels wide, ${have} are there: ${out.slice(0, 4).map(name)}`);
    }
    const seen = new Set();
    for (const element of document.querySelectorAll('body *')) {
      const text = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
      if (!text || element.closest('svg, script, .skip') || !element.getClientRects().length) continue;
      const style = getComputedStyle(element);
      const ratio = contrast(rgba(style.color), behind(element));
      const told = `${name(element)} ${style.color}`;
      if (ratio < 4.5 && !seen.has(told)) wrong.push(`${state}: contrast ${ratio.toFixed(2)} of ${told} on ${behind(element)}`);
      if (parseFloat(style.fontSize) < 10 && !seen.has(told)) wrong.push(`${state}: ${style.fontSize} of ${told}`);
      seen.add(told);
    }
    for (const line of document.querySelectorAll('svg polyline, svg circle')) {
      const style = getComputedStyle(line);
      const colour = style.fill !== 'none' ? style.fill : style.stroke;
      const told = `svg ${line.tagName} ${colour}`;
      const grid = getComputedStyle(document.documentElement).getPropertyValue('--grid').trim();
      if (seen.has(told) || (line.getAttribute('stroke') || '').includes('--grid')) continue;
      seen.add(told);
      const ratio = contrast(rgba(colour), behind(line));
      if (ratio < 3) wrong.push(`${state}: contrast ${ratio.toFixed(2)} of ${told}, grid ${grid}`);
    }
    for (const box of document.querySelectorAll('.wide, pre')) {
      if (box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0) wrong.push(`${state}: ${name(box)} scrolls and has no focus`);
    }
  };
  look('as it stands');
  document.querySelectorAll('details').forEach(one => { one.open = true; });
  look('all open');
  const paper = light(behind(document.body));
  parent.document.documentElement.setAttribute('data-measured', JSON.stringify({ wrong, paper, width: innerWidth, texts: document.body.innerText.length }));
})();
</script>
"""


def measured(browser, page, size, dark):
    text = page.read_text(encoding="utf-8")
    # The page forbids scripts; this copy may run the one that measures it.
    text, n = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    if n != 1:
        raise SystemExit(f"{page}: no content security policy forbids scripts")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        # A window is never narrower than 500 pixels; a frame is as narrow as it is told to be, and media queries ask the frame.
        inside = html.escape(text.replace("</body>", MEASURE + "</body>"))
        style = f"border: 0; width: {size[0]}px; height: {size[1]}px; color-scheme: light dark"
        frame = f'<!doctype html><html style="color-scheme: light dark"><iframe style="{style}" srcdoc="{inside}"></iframe></html>'
        copy.write_text(frame, encoding="utf-8")
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        call = [browser, *FLAGS, *scheme, "--window-size=1400,1000", f"--user-data-dir={folder}/profile", "--dump-dom"]
        answer = subprocess.run([*call, copy.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'data-measured="([^"]*)"', answer.stdout)
    if not found:
        raise SystemExit(f"{page}: the browser measured nothing\n{answer.stderr[-2000:]}")
    return json.loads(html.unescape(found.group(1)))


def main():
    pages = [Path(name) for name in sys.argv[1:]]
    if not pages:
        raise SystemExit(__doc__)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"skipped: no browser here (looked for {', '.join(BROWSERS)})")
        return
    wrong = 0
    for page in pages:
        for size in SIZES:
            for dark in (False, True):
                told = measured(browser, page, size, dark)
                faults = list(told["wrong"])
                if told["width"] != size[0]:
                    faults.append(f"the browser shows {told['width']} pixels, not {size[0]}")
                if (told["paper"] < 0.2) != dark:
                    faults.append(f"the paper's luminance is {told['paper']:.2f}")
                print(f"{page.name} {size[0]} px {'dark' if dark else 'light'}: {'; '.join(faults) or 'in order'}")
                wrong += len(faults)
    if wrong:
        raise SystemExit(1)


main()
