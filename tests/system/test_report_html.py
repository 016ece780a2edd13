"""The report as HTML (spec chapter 6): what stands in it, by a strict XML parser; what it does, in a browser without a network."""

import base64
import hashlib
import json
import os
import re
import signal
import sys
import xml.etree.ElementTree as tree

import browser
import harness

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import test_report  # noqa: E402

RUN = test_report.RUN
HTML = "{http://www.w3.org/1999/xhtml}"


def report(t, *more, **options):
    """The newest run's, checked as far as that goes without a browser. Returns (text, tree)."""
    text = t.run("pollard", "report", "--format", "html", *more, **options).out
    return text, check_page(t, text)


def all_text(element):
    return "".join(element.itertext())


def check_page(t, text):
    """Well-formed, closed in itself, and with the structure that a screen reader needs."""
    test_report.no_control_bytes(t, text, "html")
    top = tree.fromstring(text)
    t.equal(top.get("lang"), "en")
    elements = [(e.tag.replace(HTML, ""), e) for e in top.iter()]
    ids = [e.get("id") for _, e in elements if e.get("id")]
    t.equal(len(ids), len(set(ids)), "ids that are there once")
    for tag, e in elements:
        for name, value in e.attrib.items():
            t.check(not name.startswith("on") and name not in ("src", "style", "srcset", "action"), f"{tag} {name}")
            if name == "href" or name.startswith("aria-") and name.endswith("by"):
                t.check(value.lstrip("#") in ids, f"{tag} {name}={value} leads nowhere")
        t.check(tag not in ("img", "iframe", "link", "object", "embed", "form", "base"), f"a {tag}")
        if tag == "th":
            t.check(e.get("scope") in ("col", "row"), "th without scope")
        if tag == "section":
            t.check(e.get("aria-labelledby"), "a section without a name")
        if e.get("tabindex"):
            t.check(e.get("aria-label"), f"{tag} can have the focus and has no name")
    tags = [tag for tag, _ in elements]
    for tag in ("h1", "header", "nav", "main", "footer", "script", "style"):
        t.equal(tags.count(tag), 1, tag)
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    for a, b in zip(levels, levels[1:]):
        t.check(b <= a + 1, f"h{b} after h{a}")
    check_policy(t, text, top)
    return top


def check_policy(t, text, top):
    """The policy lets nothing in but the style sheet and the script that are there."""
    policy = top.find(f".//{HTML}meta[@http-equiv='Content-Security-Policy']").get("content")
    rules = dict(rule.split(None, 1) for rule in policy.split("; "))
    t.equal(rules.pop("default-src"), "'none'")
    for tag in ("style", "script"):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S).group(1)
        wanted = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        t.equal(rules.pop(tag + "-src"), f"'sha256-{wanted}'", f"the hash of the {tag}")
    t.equal(set(rules.values()), {"'none'"})


def section(top, name):
    return top.find(f".//{HTML}section[@id='{name}']")


def rows(top):
    """The table of tasks: its rows as dictionaries."""
    table = top.find(f".//{HTML}table[@id='task-table']")
    heads = [all_text(h) for h in table.find(f"{HTML}thead/{HTML}tr")]
    return [dict(zip(heads, map(all_text, row))) for row in table.find(f"{HTML}tbody")]


def open_browser(t, **options):
    missing = browser.missing()
    if missing:
        t.skip(missing)
    return browser.Browser(os.path.join(t.base, "profile"), env=t.env, **options)


def quiet(t, page, path):
    """It has asked for nothing but itself, and nothing was wrong."""
    t.equal(set(page.requests), {"file://" + path}, "requests")
    t.equal(page.problems, [], "problems")


def mixed_run(t):
    """Failures, a crash, a retry that helps, one that is left out, two steps, merged results."""
    t.write("task.sh", test_report.TASK)
    t.write("flow.yaml", """
version: 1
name: nightly
goal: Build <everything> & "more"
steps:
  - id: build
    require: partial
    merge: concat
    tasks:
      - { id: good, run: [sh, task.sh, good] }
      - { id: bad, run: [sh, task.sh, bad] }
      - { id: killed, run: [sh, task.sh, killed] }
      - { id: twice, run: [sh, task.sh, twice] }
      - { id: nasty, run: [sh, task.sh, nasty] }
      - { id: after, run: [sh, task.sh, after], needs: [good] }
      - { id: never, run: [sh, task.sh, never], needs: [bad] }
  - id: check
    tasks:
      - { id: last, run: "sleep 0.1; echo fine" }
""")
    t.run(*RUN, "-o", "none", "-r", "1", "-j", "2", "-f", "flow.yaml", status=None)


# What stands in it.

def test_contents(t):
    """the verdict in words, the figures, every attempt of what failed, verdicts, tasks, merged results"""
    mixed_run(t)
    _, top = report(t)
    header = all_text(top.find(f".//{HTML}header"))
    t.contains(header, "Partial: 4 of 8 tasks succeeded")
    t.contains(header, 'Build <everything> & "more"')
    numbers = all_text(section(top, "numbers"))
    for word in ("Saved", "Speed-up", "Critical path", "8", "check.last"):
        t.contains(numbers, word)
    failures = section(top, "failures")
    parts = {all_text(d.find(f".//{HTML}h3")): all_text(d) for d in failures.iter(f"{HTML}details")
             if d.get("id")}
    t.equal(list(parts), ["build.bad", "build.killed", "build.nasty", "build.twice"])
    for name in ("bad", "killed", "nasty"):
        t.contains(parts["build." + name], "Attempt 1: failed")
        t.contains(parts["build." + name], "Attempt 2: failed")
        t.contains(parts["build." + name], "Debugger builtin")
        t.contains(parts["build." + name], f"pollard show {os.path.basename(t.run_dir())} build.{name}")
    t.contains(parts["build.bad"], "no table 'bad'")
    t.contains(parts["build.killed"], "SIGSEGV")
    t.contains(parts["build.twice"], "Attempt 1: failed: exit 1")
    t.contains(parts["build.twice"], "Attempt 2: succeeded")
    t.contains(parts["build.nasty"], r"ared \x01\xff ]]> </script> <b>| `x` @you")
    t.contains(all_text(section(top, "recovery")), "Debugger builtin")
    t.contains(all_text(section(top, "merged")), "done with good")
    t.contains(all_text(section(top, "cost")), "No agent was asked")
    table = {r["Task"].replace(" critical path", ""): r for r in rows(top)}
    t.equal(list(table), ["good", "bad", "killed", "twice", "nasty", "after", "never", "last"])
    t.equal(table["never"]["Result"], "– skipped")
    t.equal(table["bad"]["Result"], "✘ failed")
    t.equal(table["twice"]["Attempts"], "2")
    bars = [e for e in section(top, "timeline").iter(f"{HTML}rect") if e.get("data-t")]
    t.equal(len(bars), 11, "a bar for each attempt")
    t.equal(len([b for b in bars if "failed" in b.get("class").split()]), 7)
    for b in bars:
        left, width = (float(b.get(k).rstrip("%")) for k in ("x", "width"))
        t.check(0 <= left and 0 <= width and left + width <= 100.01, f"a bar from {left} to {left + width} %")


def test_escaped(t):
    """names, goals and what tasks print stay text, whatever it is"""
    evil = '</title><script>alert(1)</script><img src=x onerror=alert(2)> "\' & \u202e \x07 \uffff'
    t.write("list", json.dumps({"id": "a", "run": ["sh", "-c", 'printf %s "$1"; exit 1', "x", evil]}) + "\n")
    t.run(*RUN, "--name", evil.replace("\x07", ""), "-o", "none", "-f", "list", status=2)
    text, top = report(t)
    t.equal(text.count("<script"), 1)
    t.check("<img" not in text, "an image")
    t.contains(all_text(section(top, "failures")), "</title><script>alert(1)</script><img src=x onerror=alert(2)>")
    t.contains(all_text(section(top, "failures")), r"\u{202e}")
    if not browser.missing():
        t.write("r.html", text)
        with open_browser(t) as page:
            page.goto(t.path("r.html"))
            quiet(t, page, t.path("r.html"))


def test_spilled(t):
    """long output: its end, how much there is, and the file with the whole"""
    t.run(*RUN, "-o", "none", "--shell", input="seq 100000; exit 1\n", status=2)
    text = all_text(section(report(t)[1], "failures"))
    path = re.search(r"Standard output, 575\.1 KiB in (/\S+); its end:", text).group(1)
    t.check(os.path.getsize(path) == 588895, path)
    t.contains(text, "\n100000")
    t.check("\n99\n" not in text, "more than the last lines")


def bar_names(top):
    return [all_text(e) for e in section(top, "timeline").iter(f"{HTML}svg") if e.get("class") == "name"]


def test_unfinished(t):
    """a run that goes on, was killed, or was interrupted says so, and so does what was under way"""
    test_report.prepare(t, "good", "slow", "later")
    process = t.start(*RUN, "-j", "1", "-o", "none", "-f", "list")
    t.wait_file("began.slow")
    _, top = report(t)
    header = all_text(top.find(f".//{HTML}header"))
    t.contains(header, "Running: 1 of 3 tasks succeeded so far")
    t.contains(header, "Still running: everything below is as it was at ")
    t.equal([r["Result"] for r in rows(top)], ["✔ succeeded", "▶ running", "○ waiting"])
    t.equal(bar_names(top), ["good", "▶ slow"])
    process.kill(signal.SIGKILL)
    process.expect(-signal.SIGKILL)
    t.wait_for(lambda: not t.left_processes(), "the workers to be gone")
    _, top = report(t)
    header = all_text(top.find(f".//{HTML}header"))
    t.contains(header, "Killed: 1 of 3 tasks had succeeded")
    t.contains(header, "pollard resume " + os.path.basename(t.run_dir()))
    t.equal([r["Result"] for r in rows(top)], ["✔ succeeded", "✘ lost", "○ waiting"])
    t.equal(bar_names(top), ["good", "✘ slow"])
    t.contains(all_text(section(top, "failures")), "lost: pollard ended before it did")
    t.write("gate", "")
    t.run("pollard", "resume", "--progress", "none")
    _, top = report(t)
    t.contains(all_text(section(top, "facts")), "resumed 1 time")
    t.equal(len(section(top, "timeline").findall(f".//{HTML}line[@class='resumed']")), 1)


def test_rehearsal(t):
    """a rehearsed run says so first"""
    test_report.prepare(t, "good", "bad")
    t.run(*RUN, "--rehearse", "-o", "none", "-f", "list")
    t.contains(all_text(report(t)[1].find(f".//{HTML}header")), "Rehearsal: nothing was started in earnest")


def test_usage(t):
    """tokens and cost by agent; what was not reported is not 0"""
    t.write(".pollard/agents/dear.md", "---\nname: dear\ncommand: sh -c 'cat >/dev/null; "
            "echo \"{\\\"usage\\\":{\\\"input_tokens\\\":1500,\\\"output_tokens\\\":20,\\\"usd\\\":0.5}}\" "
            ">&$POLLARD_RESULT_FD; echo ok'\n---\nx\n")
    t.write(".pollard/agents/mute.md", "---\nname: mute\ncommand: sh -c 'cat >/dev/null; echo ok'\n---\nx\n")
    t.run(*RUN, "-o", "none", input="dear: say a\ndear: say b\nmute: say c\n")
    _, top = report(t)
    table = [[all_text(c) for c in row] for row in section(top, "cost").find(f".//{HTML}tbody")]
    t.equal(table[0][:5], ["dear", "2", "2", "3,000 in, 40 out", "$1.00"])
    t.equal(table[1][:5], ["mute", "1", "1", "not reported", "not reported"])
    t.equal(table[2][0], "all")
    t.equal(table[2][3:5], ["at least 3,000 in, 40 out", "at least $1.00"])
    t.equal([r["Cost"] for r in rows(top)], ["$0.50", "$0.50", "not reported"])


# What it does.

CONTRAST = r"""
(() => {
  const rgb = (c) => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] === undefined || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  let seen = 0;
  for (const e of document.body.querySelectorAll('*')) {
    if (!Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.data.trim()) || e.matches('script, title')) continue;
    const style = getComputedStyle(e), text = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(rgb(text)), light(behind(e))].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    seen++;
    if (ratio < 4.5) bad.add(e.tagName + '.' + e.getAttribute('class') + ' ' + ratio.toFixed(2));
  }
  return [seen, Array.from(bad)];
})()
"""
SHOWN = """Array.from(document.querySelectorAll('#task-table tbody tr')).filter((r) => !r.hidden)
    .map((r) => r.cells[0].firstChild.textContent.trim())"""


def sort_by(page, name):
    page.eval(f"Array.from(document.querySelectorAll('#task-table th button')).find("
              f"(b) => b.textContent.startsWith({name!r})).click()")
    return page.eval(SHOWN)


def filter_by(page, text):
    page.eval(f"(() => {{ const i = document.getElementById('words'); i.value = {json.dumps(text)};"
              "i.dispatchEvent(new Event('input')); })()")
    return page.eval(SHOWN)


def test_script(t):
    """sorting, filtering, zooming, links into what is closed; no request and no error"""
    mixed_run(t)
    t.write("r.html", report(t)[0])
    with open_browser(t) as page:
        page.goto(t.path("r.html"))
        names = ["good", "bad", "killed", "twice", "nasty", "after", "never", "last"]
        t.equal(page.eval(SHOWN), names)

        t.equal(sort_by(page, "Task"), sorted(names))
        t.equal(page.eval("document.querySelector('[aria-sort]').getAttribute('aria-sort')"), "ascending")
        t.equal(sort_by(page, "Task"), sorted(names, reverse=True))
        t.equal(page.eval("document.querySelector('[aria-sort]').getAttribute('aria-sort')"), "descending")
        t.equal(page.eval("document.querySelectorAll('[aria-sort]').length"), 1)
        t.equal(sort_by(page, "Attempts")[-1], "never", "numbers: the greatest first")
        t.equal(sort_by(page, "Attempts")[0], "never")

        t.equal(filter_by(page, "BAD"), ["never", "bad"], "also in what it said")
        t.equal(filter_by(page, "exit failed"), ["bad", "nasty"])
        t.equal(page.eval("document.getElementById('shown').textContent"), "2 of 8 tasks")
        t.equal(filter_by(page, "no such thing"), [])
        t.equal(len(filter_by(page, "")), 8)
        page.eval("document.querySelector('#filter input[value=succeeded]').click()")
        t.equal(sorted(page.eval(SHOWN)), ["bad", "killed", "nasty", "never"])
        page.press("/")
        t.equal(page.eval("document.activeElement.id"), "words")

        page.eval("location.hash = 't0'")
        t.check(page.eval("new Promise((r) => setTimeout(() => r(!document.getElementById('t0').hidden)))"),
                "a row that a link leads to is hidden")
        page.eval("location.hash = 'f3'")
        t.check(page.eval("new Promise((r) => setTimeout(() => r(document.getElementById('f3').open)))"),
                "what a link leads to is closed")

        named = """Array.from(document.querySelectorAll('.bars .name')).every((n) => n.classList.contains('small') ===
            (n.previousElementSibling.getBoundingClientRect().width < 26))"""
        t.check(page.eval(named), "a name that fits is hidden, or one that does not is shown")
        t.check(page.eval("!document.querySelector('[data-t=\"7\"] + .name').matches('.small')"), "no name on a long bar")
        width = "document.querySelector('.bars').getBoundingClientRect().width"
        whole = page.eval(width)
        page.eval("document.getElementById('view').focus()")
        page.press("+")
        page.press("+")
        t.check(abs(page.eval(width) / whole - 2.25) < 0.02, "+ makes it wider")
        t.check(page.eval("document.getElementById('view').scrollLeft") > 0, "the middle stays")
        page.press("-")
        t.check(abs(page.eval(width) / whole - 1.5) < 0.02, "- makes it narrower")
        page.press("0")
        t.equal(page.eval(width), whole)
        page.eval("document.querySelector('.bars [data-t]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        t.matches(page.eval("location.hash"), r"^#t\d+$")
        quiet(t, page, t.path("r.html"))


def test_plain(t):
    """without scripts everything can be read, and there are no controls that do nothing"""
    mixed_run(t)
    t.write("r.html", report(t)[0])
    with open_browser(t) as page:
        page.scripts(False)
        page.goto(t.path("r.html"))
        page.scripts(True)
        t.check(not page.eval("document.documentElement.classList.contains('js')"), "the script ran")
        t.equal(len(page.eval(SHOWN)), 8)
        text = page.eval("document.body.innerText")
        for words in ("Partial: 4 of 8", "no table 'bad'", "Attempt 2: failed", "Debugger builtin", "succeeded"):
            t.contains(text, words)
        t.equal(page.eval("document.querySelectorAll('button, input').length"), 0, "controls")
        t.check(page.eval("document.querySelector('.bars').getBoundingClientRect().width") > 300, "no timeline")
        quiet(t, page, t.path("r.html"))


def test_looks(t):
    """light, dark and narrow: contrast of at least 4.5 to 1, and nothing is wider than the window; printed: all is open"""
    mixed_run(t)
    t.write("r.html", report(t)[0])
    grounds = set()
    with open_browser(t) as page:
        for scheme in ("light", "dark"):
            page.media(prefers_color_scheme=scheme)
            page.goto(t.path("r.html"), "#t1")
            page.eval("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            seen, bad = page.eval(CONTRAST)
            t.check(seen > 100, "it looked at nothing")
            t.equal(bad, [], f"contrast ({scheme})")
            grounds.add(page.eval("getComputedStyle(document.body).backgroundColor"))
        t.equal(len(grounds), 2, "dark and light")
        for width in (400, 1280):
            page.size(width, 800)
            t.check(page.eval("document.documentElement.scrollWidth") <= width, f"wider than {width}")
        page.eval("document.querySelectorAll('details').forEach((e) => { e.open = false; })")
        whole = page.eval("document.querySelector('.bars').getBoundingClientRect().width")
        page.eval("document.getElementById('view').style.setProperty('--zoom', 3)")
        page.media("print")
        width = page.eval("document.querySelector('.bars').getBoundingClientRect().width")
        t.check(width < whole * 1.2, f"the printed timeline is {width} wide, not {whole}")
        t.equal(page.eval("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        t.equal(page.eval("getComputedStyle(document.querySelector('nav')).display"), "none")
        t.equal(page.eval(CONTRAST)[1], [], "contrast (print)")
        page.eval("dispatchEvent(new Event('beforeprint'))")
        t.equal(page.eval("document.querySelectorAll('details:not([open])').length"), 0)
        page.eval("dispatchEvent(new Event('afterprint'))")
        t.equal(page.eval("document.querySelectorAll('details[open]').length"), 0)
        t.equal(page.pdf()[:5], b"%PDF-")
        quiet(t, page, t.path("r.html"))


# What the page has cost the browser since it was opened, in seconds of work; waiting and other programs do not count.
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def work(page, path):
    page.goto(path)
    spent = page.metrics()
    return sum(spent[name] for name in WORK)


def test_many(t):
    """10,000 tasks, a thousand of them failed: within its size, and ten times the work of 1,000 tasks to open, not a hundred times"""
    count = 10000
    test_report.long_journal(t, count // 10)
    t.write("few.html", report(t)[0])
    test_report.long_journal(t, count)
    text, top = report(t)
    t.check(len(text.encode()) <= 2000 * 1000 + 2000 * count, f"{len(text)} bytes")
    t.equal(len(rows(top)), count)
    t.contains(all_text(section(top, "failures")), "Attempt 1: failed: exit 1")
    t.write("r.html", text)
    with open_browser(t) as page:
        few = min(work(page, t.path("few.html")) for _ in range(2))
        many = min(work(page, t.path("r.html")) for _ in range(2))
        t.check(many < max(30 * few, 1), f"{many:.2f} s of work, and {few:.2f} s for a tenth of it")
        t.check(page.eval("document.querySelectorAll('*').length") < 30 * count, "elements")
        t.equal(len(page.eval(SHOWN)), 500, "rows of the first page")
        t.equal(len(filter_by(page, "9999")), 1)
        filter_by(page, "")
        page.eval("Array.from(document.querySelectorAll('button')).find((b) => b.textContent.startsWith('Show all')).click()")
        t.equal(len(page.eval(SHOWN)), count)
        t.equal(sort_by(page, "Task")[:3], ["1", "2", "3"])
        quiet(t, page, t.path("r.html"))


# A browser takes its time to begin, the more so beside sanitizers.
for case in (test_script, test_plain, test_looks, test_escaped, test_many):
    case.limit = 300
