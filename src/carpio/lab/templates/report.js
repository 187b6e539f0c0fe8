"use strict";
(() => {
  const began = performance.now();
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const canvas = byId("canvas"), chart = byId("chart"), tip = byId("tip"), readout = byId("readout");
  const paint = canvas.getContext("2d");
  const VERDICTS = [
    ["wrong MAC", "--wrong", "✕", "hatch"], ["right MAC, not master", "--not-master", "◆", "dots"],
    ["before first advert", "--early", "▲", "stripes"], ["reverse lie", "--reverse", "■", "cross"],
  ];
  const FIRST = data.t0, LAST = data.t1, SHORTEST = 0.002;
  const view = { from: FIRST, to: LAST };
  let group = data.groups[0], lanes = [], colours = {}, patterns = {}, width = 0, height = 0;
  let gutter = 0, moment = -1, pointer = null, isQueued = false;

  // --- colours and patterns follow the page, which follows the system

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["--paper", "--card", "--ink", "--soft", "--line", "--line-strong", "--accent", "--right", "--wrong",
      "--not-master", "--early", "--reverse", "--doubt", "--host-0", "--host-1", "--host-2", "--host-3", "--on-host", "--code"];
    for (const name of names) colours[name] = style.getPropertyValue(name).trim();
    patterns = {};
    patterns.plain = pattern("hatch", colours["--soft"]);
    patterns.late = pattern("hatch", colours["--doubt"]);
    for (const [, colour, , kind] of VERDICTS) patterns[kind] = pattern(kind, colours[colour]);
  }

  function pattern(kind, colour) {
    const tile = document.createElement("canvas");
    const size = tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = pen.strokeStyle = colour;
    pen.globalAlpha = 0.35;
    pen.fillRect(0, 0, size, size);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.beginPath();
    if (kind === "hatch" || kind === "cross") {
      for (const x of [-8, 0, 8]) { pen.moveTo(x, 8); pen.lineTo(x + 8, 0); }
      if (kind === "cross") for (const x of [-8, 0, 8]) { pen.moveTo(x, 0); pen.lineTo(x + 8, 8); }
    } else if (kind === "stripes") { pen.moveTo(2, 0); pen.lineTo(2, 8); pen.moveTo(6, 0); pen.lineTo(6, 8); }
    pen.stroke();
    if (kind === "dots") { pen.beginPath(); pen.arc(4, 4, 2, 0, 7); pen.fill(); }
    return paint.createPattern(tile, "repeat");
  }

  const hostColour = (name) => {
    const place = data.hosts.findIndex((host) => host[0] === name);
    return place < 0 ? colours["--soft"] : colours[`--host-${Math.min(place, 3)}`];
  };

  // --- what is drawn, from top to bottom

  function buildLanes() {
    lanes = [{ kind: "events", height: 30, title: "events" }, { kind: "axis", height: 24, title: "" }];
    for (const [name, implementation] of data.hosts) {
      const host = group.hosts[name];
      if (!host) continue;
      lanes.push({ kind: "role", height: 26, title: name, sub: implementation, host, name, space: 12 });
      if (host.adverts.length) lanes.push({ kind: "adverts", height: 20, title: "adverts", minor: true, host, name });
      if (host.claims.right) lanes.push({ kind: "claims", height: 30, title: "claims: right", minor: true, name,
        bins: host.claims.right, verdict: "right" });
      for (const [verdict, colour, shape, style] of VERDICTS) {
        if (host.claims[verdict]) lanes.push({ kind: "claims", height: 22, title: `${shape} ${verdict}`, minor: true, name,
          bins: host.claims[verdict], verdict, colour, shape, style, known: host.wrong.filter((one) => one[1] === verdict) });
      }
    }
    let isFirst = true;
    for (const [address, silences] of Object.entries(group.silences)) {
      lanes.push({ kind: "answers", height: 24, title: address, sub: "answers", silences, space: isFirst ? 14 : 2 });
      isFirst = false;
    }
    isFirst = true;
    for (const [name, moves] of Object.entries(group.forwarding)) {
      const [place, mac] = name.split(" ");
      lanes.push({ kind: "moves", height: 22, title: `switch ${place}`, sub: mac, moves, isPort: true, space: isFirst ? 14 : 2 });
      isFirst = false;
    }
    for (const [name, moves] of Object.entries(group.neighbours)) {
      const [machine, address] = name.split(" ");
      lanes.push({ kind: "moves", height: 22, title: machine, sub: address, moves, isPort: false, space: isFirst ? 14 : 2 });
      isFirst = false;
    }
    if (data.messages.length) lanes.push({ kind: "messages", height: 22, title: "kernel messages", space: 14 });
    lanes.push({ kind: "map", height: 26, title: "whole run", space: 14 });
    layOut();
  }

  function layOut() {
    const isNarrow = chart.clientWidth < 640;
    gutter = isNarrow ? 8 : 190;
    let y = 0;
    for (const lane of lanes) {
      y += lane.space || 0;
      lane.label = isNarrow && lane.title && lane.kind !== "events" ? 18 : 0;
      lane.y = y + lane.label;
      y = lane.y + lane.height;
    }
    width = chart.clientWidth;
    height = y + 6;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    paint.setTransform(scale, 0, 0, scale, 0, 0);
  }

  const plotWidth = () => width - gutter - 8;
  const x = (time) => gutter + (time - view.from) / (view.to - view.from) * plotWidth();
  const timeAt = (place) => view.from + (place - gutter) / plotWidth() * (view.to - view.from);
  const clampX = (place) => Math.max(gutter, Math.min(gutter + plotWidth(), place));

  // --- drawing

  function redraw() {
    if (isQueued) return;
    isQueued = true;
    requestAnimationFrame(() => { isQueued = false; draw(); });
  }

  function draw() {
    paint.clearRect(0, 0, width, height);
    paint.textBaseline = "middle";
    const style = getComputedStyle(document.body).fontFamily;
    font.family = style;
    drawGrid();
    for (const lane of lanes) {
      drawLabel(lane);
      paint.save();
      paint.beginPath();
      paint.rect(gutter - 1, lane.y - 2, plotWidth() + 2, lane.height + 4);
      paint.clip();
      DRAW[lane.kind](lane);
      paint.restore();
    }
    drawCursor();
    for (const button of document.querySelectorAll("[data-event]")) {
      const event = data.events[button.dataset.event];
      const isShown = Math.abs(view.from - eventView(event)[0]) < 1e-6 && Math.abs(view.to - eventView(event)[1]) < 1e-6;
      button.setAttribute("aria-pressed", String(isShown));
    }
  }

  function font(size, weight) { paint.font = `${weight || 400} ${size}px ${font.family}`; }

  function text(words, place, y, room, colour, align) {
    paint.fillStyle = colour;
    paint.textAlign = align || "left";
    let shown = words;
    while (shown && paint.measureText(shown).width > room) shown = shown.length > 4 ? `${shown.slice(0, -3).trimEnd()}…` : "";
    if (shown) paint.fillText(shown, place, y);
  }

  function drawLabel(lane) {
    if (!lane.title || (lane.kind === "events" && gutter < 100)) return;
    const room = lane.label ? plotWidth() : gutter - 18, y = lane.label ? lane.y - 9 : lane.y + lane.height / 2;
    const colour = lane.colour ? colours[lane.colour] : lane.minor ? colours["--soft"] : colours["--ink"];
    font(lane.minor ? 12 : 13, lane.minor ? 400 : 650);
    if (lane.label) {
      paint.fillStyle = colours["--card"];
      paint.fillRect(gutter, lane.y - 16, plotWidth(), 15);
      text(lane.sub ? `${lane.title}  ·  ${lane.sub}` : lane.title, gutter, y, room, colour);
    } else if (lane.sub) {
      const taken = Math.min(paint.measureText(lane.title).width, room);
      font(11);
      const sub = paint.measureText(lane.sub).width;
      const isBeside = taken + sub + 8 <= room;
      font(13, 650);
      text(lane.title, gutter - 12, isBeside ? y : y - 6, room, colour, "right");
      font(11);
      text(lane.sub, isBeside ? gutter - 20 - taken : gutter - 12, isBeside ? y : y + 7, room, colours["--soft"], "right");
    } else text(lane.title, gutter - 12, y, room, colour, "right");
  }

  function ticks() {
    const rough = (view.to - view.from) / Math.max(3, plotWidth() / 90);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    const found = [];
    for (let number = Math.ceil(view.from / step); number * step <= view.to; number++) found.push(number * step);
    return { step, found };
  }

  function drawGrid() {
    const map = lanes[lanes.length - 1];
    paint.lineWidth = 1;
    paint.strokeStyle = colours["--line"];
    for (const time of ticks().found) line(x(time), 52, x(time), map.y - 12);
    paint.setLineDash([4, 3]);
    paint.strokeStyle = colours["--line-strong"];
    for (const [start] of data.events) if (start >= view.from && start <= view.to) line(x(start), 52, x(start), map.y - 12);
    paint.setLineDash([]);
  }

  function line(x1, y1, x2, y2) { paint.beginPath(); paint.moveTo(x1, y1); paint.lineTo(x2, y2); paint.stroke(); }

  const box = (start, end, lane, inset) => {
    const left = clampX(x(start)), right = clampX(x(end));
    return [left, lane.y + (inset || 0), Math.max(right - left, 1.5), lane.height - 2 * (inset || 0)];
  };
  const isShown = (start, end) => end >= view.from && start <= view.to;

  const DRAW = {
    events(lane) {
      data.events.forEach(([start, end, title, isBad], number) => {
        if (!isShown(start, end)) return;
        const [left, top, wide, high] = box(start, end, lane, 2);
        paint.fillStyle = colours["--code"];
        round(left + 1, top, wide - 2, high, 6);
        paint.fill();
        if (isBad) { paint.strokeStyle = colours["--wrong"]; paint.lineWidth = 1.5; paint.stroke(); }
        font(12, 600);
        text(`${isBad ? "✕ " : ""}${number + 1} ${title}`, left + 8, lane.y + lane.height / 2, wide - 14,
          isBad ? colours["--wrong"] : colours["--ink"]);
      });
    },
    axis(lane) {
      const { step, found } = ticks();
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      font(11);
      for (const time of found) {
        const place = x(time);
        if (place < gutter + 12 || place > width - 22) continue;
        text(`${time.toFixed(digits)} s`, place, lane.y + 12, 80, colours["--soft"], "center");
      }
    },
    role(lane) {
      paint.fillStyle = colours["--line"];
      paint.fillRect(gutter, lane.y + lane.height / 2 - 1, plotWidth(), 2);
      for (const [start, end] of lane.host.roles) {
        if (!isShown(start, end)) continue;
        const [left, top, wide, high] = box(start, end, lane, 2);
        paint.fillStyle = hostColour(lane.name);
        round(left, top, wide, high, 4);
        paint.fill();
        font(12, 700);
        text("MASTER", left + 8, lane.y + lane.height / 2 + 0.5, wide - 12, colours["--on-host"]);
      }
    },
    adverts(lane) {
      const colour = hostColour(lane.name), middle = lane.y + lane.height / 2;
      let last = { 4: -9, 6: -9 };
      for (const [time, family, isBowOut] of lane.host.adverts) {
        if (time < view.from || time > view.to) continue;
        const place = x(time);
        if (place - last[family] < 2 && !isBowOut) continue;
        last[family] = place;
        if (isBowOut) { font(14, 700); text("✖", place, middle, 20, colours["--ink"], "center"); continue; }
        const top = family === 4 ? middle - 8 : middle, size = 4;
        paint.beginPath();
        paint.moveTo(place - size, top); paint.lineTo(place + size, top); paint.lineTo(place, top + 7); paint.closePath();
        paint.fillStyle = family === 4 ? colour : colours["--card"];
        paint.strokeStyle = colour;
        paint.lineWidth = 1.2;
        paint.fill();
        paint.stroke();
      }
    },
    claims(lane) {
      const counts = columns(lane.bins);
      const most = lane.most = Math.max(...counts.values(), 1e-9);
      if (lane.verdict === "right") {
        paint.fillStyle = colours["--right"];
        const foot = lane.y + lane.height;
        for (const [column, rate] of counts) {
          const high = Math.max(2, Math.sqrt(rate / most) * (lane.height - 6));
          paint.fillRect(column, foot - high, 1, high);
        }
        paint.fillRect(gutter, foot - 0.5, plotWidth(), 0.5);
        return;
      }
      paint.fillStyle = colours["--line"];
      paint.fillRect(gutter, lane.y + lane.height / 2 - 0.5, plotWidth(), 1);
      for (const [start, end] of runs([...counts.keys()])) {
        paint.fillStyle = patterns[lane.style];
        paint.fillRect(start, lane.y + 2, Math.max(end - start, 3), lane.height - 4);
        paint.strokeStyle = colours[lane.colour];
        paint.lineWidth = 1.5;
        paint.strokeRect(start, lane.y + 2, Math.max(end - start, 3), lane.height - 4);
        if (end - start > 22) {
          font(12, 700);
          paint.fillStyle = colours["--card"];
          paint.fillRect(start + 3, lane.y + 4, 15, lane.height - 8);
          text(lane.shape, start + 10.5, lane.y + lane.height / 2, 20, colours[lane.colour], "center");
        }
      }
    },
    answers(lane) {
      paint.fillStyle = colours["--right"];
      paint.fillRect(gutter, lane.y + lane.height / 2 - 1.5, plotWidth(), 3);
      for (const [start, end, , bad] of lane.silences) {
        if (!isShown(start, end)) continue;
        const [left, top, wide, high] = box(start, end, lane, 2);
        const isBefore = start < 0, colour = colours[["--ink", "--doubt", "--wrong"][bad]];
        paint.fillStyle = colours["--card"];
        paint.fillRect(left, lane.y, wide, lane.height);
        paint.fillStyle = isBefore ? colours["--code"] : [patterns.plain, patterns.late, patterns.hatch][bad];
        paint.fillRect(left, top, wide, high);
        if (!isBefore) { paint.strokeStyle = colour; paint.lineWidth = 1.5; paint.strokeRect(left, top, wide, high); }
        const words = isBefore ? "not served yet" : `${["", "! ", "✕ "][bad]}${duration(end - start)}`;
        font(12, 650);
        const room = Math.min(paint.measureText(words).width + 12, wide - 6);
        if (room > 30) {
          if (!isBefore) { paint.fillStyle = colours["--card"]; paint.fillRect(left + wide / 2 - room / 2, top + 2, room, high - 4); }
          text(words, left + wide / 2, lane.y + lane.height / 2, room, isBefore ? colours["--soft"] : colour, "center");
        }
      }
    },
    moves(lane) {
      lane.moves.forEach(([time, what, isRight], number) => {
        const end = number + 1 < lane.moves.length ? lane.moves[number + 1][0] : LAST;
        if (!what || !isShown(time, end)) return;
        const [left, top, wide, high] = box(time, end, lane, 2);
        const isBad = !lane.isPort && !isRight;
        paint.fillStyle = isBad ? patterns.hatch : colours["--code"];
        paint.fillRect(left, top, wide, high);
        paint.fillStyle = isBad ? colours["--wrong"] : lane.isPort ? hostColour(what) : colours["--right"];
        paint.fillRect(left, top, 4, high);
        const words = lane.isPort ? `at ${what}` : `${isBad ? "✕ " : "● "}${what}`;
        font(11.5, 600);
        const room = Math.min(paint.measureText(words).width + 10, wide - 8);
        if (isBad && room > 20) { paint.fillStyle = colours["--card"]; paint.fillRect(left + 6, top + 2, room, high - 4); }
        text(words, left + 10, lane.y + lane.height / 2, room, isBad ? colours["--wrong"] : colours["--ink"]);
      });
    },
    messages(lane) {
      let last = -9;
      for (const [time] of data.messages) {
        const place = x(time);
        if (time < view.from || time > view.to || place - last < 3) continue;
        last = place;
        paint.fillStyle = colours["--ink"];
        paint.fillRect(place - 1, lane.y + 3, 2, lane.height - 6);
        paint.beginPath();
        paint.arc(place, lane.y + 6, 3.5, 0, 7);
        paint.fill();
      }
    },
    map(lane) {
      const all = (time) => gutter + (time - FIRST) / (LAST - FIRST) * plotWidth();
      paint.fillStyle = colours["--code"];
      paint.fillRect(gutter, lane.y, plotWidth(), lane.height);
      for (const [name] of data.hosts) {
        const host = group.hosts[name];
        if (!host) continue;
        paint.fillStyle = hostColour(name);
        const row = Math.min(data.hosts.findIndex((one) => one[0] === name), 2);
        for (const [start, end] of host.roles) paint.fillRect(all(start), lane.y + 4 + row * 5, Math.max(1, all(end) - all(start)), 4);
        for (const [verdict, colour] of VERDICTS) {
          if (!host.claims[verdict]) continue;
          paint.fillStyle = colours[colour];
          const [size, bins] = host.claims[verdict];
          for (const bin of bins) paint.fillRect(all(bin * size), lane.y + 19, 1.5, 6);
        }
      }
      if (view.from > FIRST || view.to < LAST) {
        paint.globalAlpha = 0.7;
        paint.fillStyle = colours["--card"];
        paint.fillRect(gutter, lane.y, all(view.from) - gutter, lane.height);
        paint.fillRect(all(view.to), lane.y, gutter + plotWidth() - all(view.to), lane.height);
        paint.globalAlpha = 1;
        paint.strokeStyle = colours["--accent"];
        paint.lineWidth = 2;
        paint.strokeRect(all(view.from), lane.y + 1, Math.max(4, all(view.to) - all(view.from)), lane.height - 2);
      }
    },
  };

  // Level of detail: one number for each column of pixels, whatever the number of claims.
  function columns([size, bins, counts]) {
    const found = new Map();
    const perPixel = (view.to - view.from) / plotWidth();
    let place = lowest(bins, Math.floor(view.from / size) - 1);
    for (; place < bins.length && bins[place] * size <= view.to; place++) {
      const left = Math.max(gutter, Math.floor(x(bins[place] * size)));
      const right = Math.min(gutter + plotWidth() - 1, Math.max(left, Math.ceil(x((bins[place] + 1) * size)) - 1));
      const rate = counts[place] / (size >= perPixel ? size : perPixel);
      for (let column = left; column <= right; column++) found.set(column, (size >= perPixel ? 0 : found.get(column) || 0) + rate);
    }
    return found;
  }

  function lowest(sorted, wanted) {
    let low = 0, high = sorted.length;
    while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < wanted) low = middle + 1; else high = middle; }
    return low;
  }

  function runs(places) {
    const found = [];
    for (const place of places) {
      const last = found[found.length - 1];
      if (last && place - last[1] <= 4) last[1] = place + 1; else found.push([place, place + 1]);
    }
    return found;
  }

  function round(left, top, wide, high, radius) {
    paint.beginPath();
    paint.roundRect(left, top, Math.max(wide, 1), high, Math.min(radius, Math.max(wide, 1) / 2));
  }

  function drawCursor() {
    const time = pointer ? timeAt(pointer.x) : moment >= 0 ? shownMoments()[moment]?.[0] : undefined;
    if (time === undefined || time < view.from || time > view.to) return;
    paint.strokeStyle = colours["--ink"];
    paint.lineWidth = 1;
    line(x(time), 30, x(time), lanes[lanes.length - 1].y - 12);
  }

  const duration = (seconds) => seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(2)} s`;

  // --- what is under the pointer

  function describe(place, y) {
    const time = timeAt(place), slack = 6 / plotWidth() * (view.to - view.from);
    const lane = lanes.find((one) => y >= one.y - one.label && y <= one.y + one.height);
    const event = data.events.findLastIndex(([start]) => start <= time);
    const lines = [event >= 0 ? `event ${event + 1}: ${data.events[event][2]}` : "before the first event"];
    if (lane && TELL[lane.kind]) lines.push(...TELL[lane.kind](lane, time, slack));
    return { time, lines };
  }

  const closest = (list, time, slack) => {
    const near = list.filter((one) => Math.abs(one[0] - time) <= slack);
    return near.sort((one, other) => Math.abs(one[0] - time) - Math.abs(other[0] - time))[0];
  };

  const TELL = {
    role(lane, time) {
      const role = lane.host.roles.find(([start, end]) => start <= time && time < end);
      return [role ? `${lane.name} is MASTER from ${role[0].toFixed(3)} s for ${duration(role[1] - role[0])}, ended by: ${role[2]}`
        : `${lane.name} is not MASTER`];
    },
    adverts(lane, time, slack) {
      const one = closest(lane.host.adverts, time, slack);
      return one ? [`${one[0].toFixed(6)} s: ${lane.name} ${one[2] ? "bows out" : "advertises"} (IPv${one[1]}, every ${one[4]} s, skew ${one[3]})`]
        : [`adverts of ${lane.name}`];
    },
    claims(lane, time, slack) {
      const known = lane.known && closest(lane.known, time, slack);
      const [size, bins, counts] = lane.bins;
      let sum = 0;
      const span = Math.max(slack, size);
      for (let place = lowest(bins, Math.floor((time - span) / size)); place < bins.length && bins[place] * size <= time + span; place++) sum += counts[place];
      const found = [`${lane.name}: ${sum} claims within ${duration(2 * span)}: ${lane.verdict}`];
      if (known) found.push(`${known[0].toFixed(6)} s: ${known[2]}, ${known[3]} is at ${known[4]}`);
      return found;
    },
    answers(lane, time, slack) {
      const one = lane.silences.find(([start, end]) => start - slack <= time && time <= end + slack);
      return [one ? `${lane.title}: no answers for ${duration(one[1] - one[0])} from ${one[0].toFixed(3)} s, ${one[2]} probes lost${one[3] ? ", longer than its limit" : ""}` : `${lane.title} answers`];
    },
    moves(lane, time) {
      const one = lane.moves.filter((move) => move[0] <= time).pop();
      const what = lane.isPort ? "at the port of " : "is at ";
      return [one && one[1] ? `${lane.title}: ${lane.sub} ${what}${one[1]}${!lane.isPort && !one[2] ? " (wrong)" : ""}, since ${one[0].toFixed(3)} s`
        : `${lane.title}: ${lane.sub} is unknown`];
    },
    messages(lane, time, slack) {
      const near = data.messages.filter((one) => Math.abs(one[0] - time) <= slack).slice(0, 4);
      return near.map((one) => `${one[0].toFixed(3)} s ${one[1]}: ${one[2]}${one[3] > 1 ? ` (${one[3]} times)` : ""}`);
    },
  };

  function showTip(place, y) {
    if (place < gutter || y > lanes[lanes.length - 1].y - 8) return hideTip();
    pointer = { x: place, y };
    const told = describe(place, y);
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = `${told.time.toFixed(view.to - view.from < 1 ? 4 : 3)} s`;
    tip.append(head);
    for (const words of told.lines) { const row = document.createElement("span"); row.textContent = words; tip.append(row); }
    tip.hidden = false;
    const left = place + 14 + tip.offsetWidth > width ? place - 14 - tip.offsetWidth : place + 14;
    tip.style.left = `${Math.max(2, Math.min(left, width - tip.offsetWidth - 2))}px`;
    tip.style.top = `${Math.min(y + 14, height - 10)}px`;
    redraw();
  }

  function hideTip() { pointer = null; tip.hidden = true; redraw(); }

  // --- moving about

  function show(from, to) {
    const span = Math.max(SHORTEST, Math.min(to - from, LAST - FIRST));
    view.from = Math.max(FIRST, Math.min(from, LAST - span));
    view.to = view.from + span;
    redraw();
  }
  function zoom(factor, centre) {
    const middle = centre === undefined ? (view.from + view.to) / 2 : centre;
    show(middle - (middle - view.from) * factor, middle + (view.to - middle) * factor);
  }
  function pan(share) { const step = (view.to - view.from) * share; show(view.from + step, view.to + step); }
  const eventView = ([start, end]) => {
    const lead = (end - start) * 0.04, from = Math.max(FIRST, start - lead);
    return [from, Math.min(LAST, end + lead)];
  };
  const shownMoments = () => data.moments.filter((one) => !one[4] || one[4] === group.name);

  function step(by) {
    const all = shownMoments();
    if (!all.length) return;
    if (moment < 0) moment = by > 0 ? all.findIndex((one) => one[0] >= view.from) : all.findLastIndex((one) => one[0] <= view.to);
    else moment += by;
    moment = Math.max(0, Math.min(all.length - 1, moment));
    const [time, place, words] = all[moment];
    if (time < view.from || time > view.to) show(time - (view.to - view.from) / 2, time + (view.to - view.from) / 2);
    readout.textContent = `${time.toFixed(3)} s, ${place || "lab"}: ${words} (moment ${moment + 1} of ${all.length})`;
    pointer = null;
    redraw();
  }

  const ACTIONS = {
    in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.25), right: () => pan(0.25),
    all: () => show(FIRST, LAST), next: () => step(1), previous: () => step(-1),
  };
  const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", n: "next", p: "previous" };

  byId("tools").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.do) ACTIONS[button.dataset.do]();
    else show(...eventView(data.events[button.dataset.event]));
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    ACTIONS[KEYS[event.key]]();
  });
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(1.002 ** event.deltaY, timeAt(event.offsetX)); }
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) { event.preventDefault(); pan(event.deltaX / plotWidth()); }
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoom(0.4, timeAt(event.offsetX)));

  const held = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, event.offsetX);
    if (held.size === 1) canvas.setPointerCapture(event.pointerId);
    const map = lanes[lanes.length - 1];
    if (event.offsetY > map.y - 6) {
      const centre = FIRST + (event.offsetX - gutter) / plotWidth() * (LAST - FIRST), half = (view.to - view.from) / 2;
      show(centre - half, centre + half);
    } else if (event.pointerType !== "mouse") showTip(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) { if (event.pointerType === "mouse") showTip(event.offsetX, event.offsetY); return; }
    const before = held.get(event.pointerId);
    if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const was = Math.abs(before - other), is = Math.abs(event.offsetX - other);
      if (was > 8 && is > 8) zoom(was / is, timeAt((event.offsetX + other) / 2));
    } else {
      const map = lanes[lanes.length - 1], isMap = event.offsetY > map.y - 6;
      const seconds = (event.offsetX - before) / plotWidth() * (isMap ? LAST - FIRST : view.from - view.to);
      if (seconds) show(view.from + seconds, view.to + seconds);
    }
    held.set(event.pointerId, event.offsetX);
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => held.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { if (!held.size) hideTip(); });

  // --- beginning

  const choice = byId("group");
  for (const one of data.groups) choice.add(new Option(one.addresses.length ? `${one.name}  ${one.addresses[0]}` : one.name, one.name));
  const wrongOf = (one) => Object.values(one.hosts).reduce((sum, host) =>
    sum + Object.entries(host.claims).reduce((all, [verdict, bins]) => all + (verdict === "right" ? 0 : bins[1].length), 0), 0);
  group = data.groups.reduce((best, one) => wrongOf(one) > wrongOf(best) ? one : best, data.groups[0]);
  choice.value = group.name;
  choice.addEventListener("change", () => {
    group = data.groups.find((one) => one.name === choice.value);
    moment = -1;
    readout.textContent = "";
    buildLanes();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
  new ResizeObserver(() => { if (chart.clientWidth !== width) { layOut(); redraw(); } }).observe(chart);
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(button.previousElementSibling); button.textContent = "Selected"; }
    });
  }
  readColours();
  buildLanes();
  draw();
  document.documentElement.dataset.drawnMs = (performance.now() - began).toFixed(1);
})();
