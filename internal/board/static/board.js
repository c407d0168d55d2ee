// Keeps a page current: clocks go on, fragments that the server sends take the place of
// the old ones, and what is no longer current says so. Without it every page and every
// form works all the same. Own code and not a library: htmx's SSE extension opens a new
// stream after a break and so loses Last-Event-ID, by which the server knows what was missed.
"use strict";
(() => {
  const root = document.documentElement, fresh = document.getElementById("fresh");
  root.classList.add("js");
  let skew = document.body.dataset.now - Date.now(), skews = [], heard = performance.now(), last = "";
  const wallClock = new Intl.DateTimeFormat(root.lang, {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: document.body.dataset.zone || undefined});

  const pad = n => String(n).padStart(2, "0");
  const clock = s => pad(Math.floor(s / 3600)) + ":" + pad(Math.floor(s / 60) % 60) + ":" + pad(Math.floor(s) % 60);
  const stale = () => live && performance.now() - heard > 10000;
  const put = (e, text) => { if (e.textContent !== text) e.textContent = text; };
  // How it stands, and the clock beside it: that it is old is read out once, not each second.
  const stands = document.createElement("span"), clockBeside = document.createElement("span");
  clockBeside.setAttribute("aria-live", "off");
  if (fresh) fresh.replaceChildren(stands, " ", clockBeside);

  function tick() {
    const old = !!stale();
    root.classList.toggle("stale", old);
    if (live && fresh) {
      const role = old ? "alert" : "presentation";
      if (fresh.getAttribute("role") !== role) fresh.setAttribute("role", role);
      put(stands, old ? fresh.dataset.old : fresh.dataset.ok + " ·");
      put(clockBeside, old ? clock((performance.now() - heard) / 1000) : wallClock.format(Date.now() + skew) + " " + (document.body.dataset.zoneName || ""));
    }
    // A line that died without a word looks open for ever.
    if (source && performance.now() - Math.max(heard, begun) > 15000) connect();
    if (old) return; // old numbers don't look alive
    const now = Date.now() + skew;
    for (const e of document.querySelectorAll("span.tick")) {
      let s = e.dataset.up ? (now - e.dataset.up) / 1000 : (e.dataset.down - now) / 1000;
      e.classList.toggle("over", s < 0 && !!e.dataset.down);
      put(e, clock(Math.max(0, e.dataset.up ? s : Math.abs(s))));
    }
  }

  // What a fragment says, without what runs or is the reader's own: clocks, keys of forms, what is open.
  const bare = node => {
    const c = document.createElement("div");
    c.append(node.cloneNode(true));
    for (const e of c.querySelectorAll("span.tick")) { e.className = "tick"; e.textContent = ""; }
    for (const e of c.querySelectorAll("input[name=key]")) e.setAttribute("value", "");
    for (const e of c.querySelectorAll("[open],[disabled],[data-dirty]")) for (const a of ["open", "disabled", "data-dirty"]) e.removeAttribute(a);
    return (node.id ? c.firstElementChild : c).innerHTML;
  };

  // A fragment that says the same stays as it is: whoever is about to press something must not
  // find it replaced. A form that is being filled in stays while its question is asked.
  function swap(id, html) {
    const to = document.getElementById(id);
    if (!to) return;
    const t = document.createElement("template");
    t.innerHTML = html;
    if (bare(to).trim() === bare(t.content).trim()) return;
    const focused = to.contains(document.activeElement) ? document.activeElement : null;
    for (const form of to.querySelectorAll("form[data-key]")) {
      const same = t.content.querySelector("form[data-key='" + CSS.escape(form.dataset.key) + "']");
      if (same && (form.dataset.dirty || form.contains(focused))) same.replaceWith(form);
    }
    const open = [...to.querySelectorAll("details")].map(d => d.open);
    to.replaceChildren(t.content);
    to.querySelectorAll("details").forEach((d, i) => { if (open[i]) d.open = true; });
    if (focused) { // keyboard users keep their place
      const again = focused.isConnected ? focused : focused.closest("a[href]") && [...to.querySelectorAll("a[href]")].find(a => a.getAttribute("href") === focused.closest("a[href]").getAttribute("href"));
      if (again) again.focus({preventScroll: true});
    }
    tick();
  }

  let live = document.body.dataset.live, source, begun;
  function connect() {
    if (source) source.close();
    begun = performance.now();
    const mine = source = new EventSource(live + (last ? (live.includes("?") ? "&" : "?") + "after=" + encodeURIComponent(last) : ""));
    for (const id of ["head", "systems", "phases", "waiting", "crowd", "damage", "steps", "said", "wall", "alarms", "proposals", "count", "locks", "more", "tables", "runs", "mine"]) {
      source.addEventListener(id, e => { heard = performance.now(); swap(id, e.data); });
    }
    source.addEventListener("beat", e => {
      heard = performance.now();
      last = e.lastEventId || last;
      // What is sent was drawn a moment ago: the most favourable of the last ones is closest.
      skews.push(Number(e.data) - Date.now());
      skew = Math.max(...(skews = skews.slice(-12)));
      tick();
    });
    source.addEventListener("signedout", () => {
      if (!document.querySelector("form[data-dirty]")) return location.reload();
      mine.close(); // what somebody is writing stays; the page says that it is old
      source = null;
      heard = performance.now() - 10001;
      if (fresh) fresh.dataset.old = fresh.dataset.out;
      tick();
    });
    source.onerror = () => { // the browser tries again by itself, except after a refusal
      if (mine.readyState === EventSource.CLOSED && mine === source) setTimeout(() => { if (mine === source) connect(); }, 5000);
    };
  }
  if (live) connect();
  setInterval(tick, 250);
  tick();

  document.addEventListener("input", e => { const f = e.target.closest("form"); if (f) f.dataset.dirty = "1"; });
  // Of several buttons none is what Enter means. A form's first button, which can't be pressed, says so
  // without a script too, but not for radios, and not to every browser.
  for (const kind of ["keydown", "keypress"]) document.addEventListener(kind, e => {
    if (e.key === "Enter" && !e.isComposing && e.target.matches("input,select") && e.target.form && e.target.form.querySelector("button[hidden]")) e.preventDefault();
  });
  document.addEventListener("submit", e => { // the key in the form makes a second click harmless; this only shows it
    const b = e.submitter;
    if (b) setTimeout(() => { b.disabled = true; setTimeout(() => { b.disabled = false; }, 4000); });
  });
})();
